"""Two-branch networks that learn how well an image and a text belong together.

After L. Wang, Y. Li, J. Huang and S. Lazebnik, *Learning Two-Branch Neural Networks for Image-Text
Matching Tasks*, TPAMI 41(2), 394-407, 2019. Importing this package registers every class that a
saved model may hold. `tb_keras.datasets` and `tb_keras.serving` are loaded when they are used.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING

if os.path.basename(sys.argv[0] if sys.argv else "").startswith("tb-"):
    from tb_keras.scripts.process.start_up import prepare_process

    prepare_process()  # of a console script, before TensorFlow is imported

from tb_keras import (
    batching,
    cca,
    corpus,
    encoders,
    evaluation,
    features,
    losses,
    networks,
    search,
    training,
)
from tb_keras.corpus import Corpus, Grounding, Matches, boxes

if TYPE_CHECKING:
    from tb_keras import datasets, serving
else:

    def __getattr__(name: str):
        if name in ("datasets", "serving"):
            return importlib.import_module(f"tb_keras.{name}")
        raise AttributeError(f"module 'tb_keras' has no attribute {name!r}")


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


def __dir__() -> list[str]:
    return __all__
