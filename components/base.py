"""How a step becomes a KFP component."""

import functools
import os
from collections.abc import Callable
from typing import Any

from kfp import dsl

from perennial import __version__

IMAGE = os.environ.get("PERENNIAL_IMAGE", f"perennial-step:{__version__}")
"""Image of the steps on a cluster; it carries kfp and this package, so that nothing is installed when a step starts."""

component: Callable[..., Any] = functools.partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
