"""The pipelines: one definition for this machine and for a cluster."""
