"""Two-branch networks that learn how well an image and a text belong together.

After L. Wang, Y. Li, J. Huang and S. Lazebnik, *Learning Two-Branch Neural Networks for Image-Text
Matching Tasks*, TPAMI 41(2), 394-407, 2019. Importing this package registers every class that a
saved model may hold; what is heavy and optional is loaded when it is used.
"""

import importlib as _importlib
import os as _os
import sys as _sys

if _os.path.basename(_sys.argv[0] if _sys.argv else "").startswith("tb-"):
    _os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tb_keras import encoders, losses, networks, training
from tb_keras.corpus import Corpus, Grounding, Matches, boxes

__version__ = "0.1.0"

__all__ = [
    "Corpus",
    "Grounding",
    "Matches",
    "batching",
    "boxes",
    "cca",
    "corpus",
    "datasets",
    "encoders",
    "evaluation",
    "features",
    "losses",
    "networks",
    "search",
    "serving",
    "training",
]


def __getattr__(name: str):
    if name in __all__:  # a room that is loaded when it is used
        return _importlib.import_module(f"tb_keras.{name}")
    raise AttributeError(f"module 'tb_keras' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
