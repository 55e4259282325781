"""Two-branch networks that learn how well an image and a text belong together.

After L. Wang, Y. Li, J. Huang and S. Lazebnik, *Learning Two-Branch Neural Networks for Image-Text
Matching Tasks*, TPAMI 41(2), 394-407, 2019. Importing this package registers every class that a
saved model may hold; what is heavy and optional is loaded when it is used.
"""

import contextlib as _contextlib
import importlib as _importlib
import os as _os

from tb_keras.quiet_start import is_script as _is_script
from tb_keras.quiet_start import quiet_start as _quiet_start

if _is_script():
    _os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _quiet_start() if _is_script() else _contextlib.nullcontext():
    from tb_keras import encoders as encoders
    from tb_keras import losses as losses
    from tb_keras import networks as networks
from tb_keras import fused_adam as fused_adam  # registers it
from tb_keras.corpus import Corpus as Corpus
from tb_keras.grounding import Grounding as Grounding
from tb_keras.matches import Matches as Matches

__version__ = "0.1.0"

_LOADED_WHEN_USED = (
    "batching",
    "boxes",
    "datasets",
    "evaluation",
    "search",
    "serving",
    "training",
)


def __getattr__(name: str):
    if name in _LOADED_WHEN_USED:
        return _importlib.import_module(f"tb_keras.{name}")
    raise AttributeError(f"module 'tb_keras' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LOADED_WHEN_USED])
