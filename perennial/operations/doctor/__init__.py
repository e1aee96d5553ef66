"""What is missing or wrong with an installation: this machine's, or one on a cluster."""

from perennial.operations.doctor.check import Check, guarded
from perennial.operations.doctor.cluster import examine_cluster
from perennial.operations.doctor.here import examine_here

__all__ = ["Check", "examine_cluster", "examine_here", "guarded"]
