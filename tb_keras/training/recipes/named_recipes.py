"""The recipes by task, network and name."""

from __future__ import annotations

import dataclasses
from typing import Any

from tb_keras.training.recipes.recipe import Recipe

# `python -m benchmarks.choices.recipe` measures what each setting of the small recipes does.
_PAPER_SIMILARITY = Recipe(network="similarity", hidden_dim=1024, embedding_dim=1024)
# With a thousand images, noise on the features keeps the network from learning them by heart.
_SMALL = Recipe(
    hidden_dim=1024,
    dropout=0.3,
    noise=1.0,
    margin=0.1,
    images_per_batch=200,
    epochs=30,
    learning_rate=1e-3,
    learning_rate_decay=0.0,
)
_SMALL_FROM_RANDOM = dataclasses.replace(_SMALL, margin=0.2, top_k=30)
# The start does most of the work, so few epochs suffice. The last epoch is kept, since on few
# validation pictures the best one is chance.
_SMALL_FROM_CANONICAL = dataclasses.replace(
    _SMALL,
    hidden_dim=512,
    embedding_dim=1024,
    dropout=0.5,
    noise=0.1,
    margin=0.2,
    epochs=3,
    learning_rate=5e-4,
    start="canonical",
    texts_per_image=5,
    kept_epoch="last",
)
# The hardest of all negatives serve the regression less than the hardest of a few.
_REGRESSION: dict[str, Any] = {
    "network": "similarity",
    "joint_dims": (256, 64),
    "negative_images": 5,
    "negative_texts": 5,
    "candidates": 10,
}
_SMALL_SIMILARITY_FROM_RANDOM = dataclasses.replace(_SMALL, **_REGRESSION, embedding_dim=256)
_SMALL_SIMILARITY = dataclasses.replace(_SMALL_FROM_CANONICAL, **_REGRESSION, texts_per_image=2)
_SMALL_LOCALIZATION = dataclasses.replace(
    _SMALL,
    hidden_dim=512,
    embedding_dim=256,
    noise=0.5,
    pictures_per_batch=16,
    regions_per_picture=48,
    epochs=2,
)
# The regions of one picture are few and hard enough: the hardest eight of all 32.
_SMALL_SIMILARITY_LOCALIZATION = dataclasses.replace(
    _SMALL_LOCALIZATION,
    network="similarity",
    joint_dims=(256, 64),
    noise=1.0,
    negative_images=8,
    negative_texts=0,
    candidates=32,
    phrases_per_picture=6,
    regions_per_picture=32,
    regions_per_phrase=2,
)

_CCA = Recipe(network="cca")

RECIPES = {
    ("retrieval", "embedding"): {
        "paper": Recipe(),
        "small": _SMALL_FROM_CANONICAL,
        "small_from_random": _SMALL_FROM_RANDOM,
    },
    ("retrieval", "similarity"): {
        "paper": _PAPER_SIMILARITY,
        "small": _SMALL_SIMILARITY,
        "small_from_random": _SMALL_SIMILARITY_FROM_RANDOM,
    },
    ("retrieval", "cca"): {"paper": _CCA, "small": _CCA},
    ("localization", "embedding"): {"paper": Recipe(), "small": _SMALL_LOCALIZATION},
    ("localization", "similarity"): {
        "paper": _PAPER_SIMILARITY,
        "small": _SMALL_SIMILARITY_LOCALIZATION,
    },
    ("localization", "cca"): {"paper": _CCA, "small": _CCA},
}
"""The recipes by task and network, and then by name.

"paper" has the authors' settings, "small" those for thousands of pictures, and "small_from_random"
those for a text encoder that is trained with the network.
"""
