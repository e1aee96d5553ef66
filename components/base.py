"""How a function becomes a pod of the pipeline."""

import functools
from collections.abc import Callable
from typing import Any

from kfp import dsl

component: Callable[..., Any] = functools.partial(dsl.component, base_image="perennial-step", install_kfp_package=False)
"""The images carry kfp and this package, so nothing is installed when a pod starts; a cluster's package names the very image."""
