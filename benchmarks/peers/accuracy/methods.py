"""The methods whose accuracy is compared: settings to start from, and what is tuned of them."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Callable, Mapping

import numpy as np

from tb_keras.training.recipes.named_recipes import RECIPES
from tb_keras.training.recipes.recipe import Recipe

Drawn = Callable[[np.random.Generator], float | int | str]


def _log_uniform(low: float, high: float) -> Drawn:
    return lambda rng: float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.4g}")


def _uniform(low: float, high: float) -> Drawn:
    return lambda rng: float(f"{rng.uniform(low, high):.4g}")


def _one_of(*values) -> Drawn:
    return lambda rng: values[rng.integers(len(values))]


# What every tuned method draws, the same values in the trial of the same number.
_SHARED = {
    "learning_rate": _log_uniform(3e-4, 3e-3),
    "hidden_dim": _one_of(512, 1024),
    "embedding_dim": _one_of(256, 512),
    "dropout": _uniform(0.1, 0.6),
    "noise": _uniform(0.0, 1.0),
}
_SHARE_OF_EPOCHS = _one_of(0.5, 1.0)  # a small corpus may be learned by heart
_NEIGHBORHOOD_WEIGHT = _one_of(0.0, 0.05, 0.1, 0.2)
# What is drawn besides, by the loss.
_OWN = {
    "ranking": {
        "margin": _log_uniform(0.05, 0.4),
        "top_k": _one_of(3, 10, 30, 0),
        "text_neighborhood_weight": _NEIGHBORHOOD_WEIGHT,
        "image_neighborhood_weight": _NEIGHBORHOOD_WEIGHT,
    },
    "max_violation": {"margin": _log_uniform(0.05, 0.4)},
    "info_nce": {"temperature": _log_uniform(0.02, 0.2)},
    "sigmoid": {"temperature": _log_uniform(0.02, 0.2), "bias": _uniform(-15.0, 0.0)},
    "triplets": {
        "margin": _log_uniform(0.05, 0.4),
        "miner": _one_of("multi_similarity", "semihard", "hard", "batch_hard"),
    },
    "multiple_negatives": {
        "scale": _log_uniform(5.0, 50.0),
        "directions": _one_of("one", "both"),
    },
}


@dataclasses.dataclass(frozen=True)
class Method:
    """One row of the tables.

    Args:
        origin: "package" for this package's own settings; "loss" for another loss, as the package
            has it; "peer" for another package; "closed form" for a baseline.
        loss: what is trained: a loss of `Recipe`, "triplets", "multiple_negatives", "ridge", "cca",
            "regularized_cca" or "kernel_cca"; None for the loss of the package's default.
        changes: of the recipe to start from.
        recipe: which of the package's to start from.
        tuned: whether random trials choose the settings; else they are as they are.
        needs: the modules that it needs.
    """

    origin: str
    loss: str | None = None
    changes: Mapping[str, object] = dataclasses.field(default_factory=dict)
    recipe: str = "small"
    tuned: bool = True
    needs: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Returns the modules that it needs and that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]

    def settings(self, trial: int = 0, epochs: int | None = None) -> dict:
        """Returns all settings of a trial, as JSON can hold them.

        Args:
            trial: 0 for the settings to start from, else drawn at random by this number.
            epochs: at the most; the recipe's own if None.

        Returns:
            `trained_by`; and but for a baseline `recipe`, the fields of a `Recipe`, and
            `loss`, what the loss takes besides.
        """
        if self.origin == "closed form":
            return {"trained_by": self.loss}
        in_keras = self.origin != "peer"
        recipe = RECIPES["retrieval", "embedding"][self.recipe]
        if in_keras and self.loss is not None:
            recipe = dataclasses.replace(recipe, loss=self.loss)
        recipe = dataclasses.replace(recipe, **self.changes)
        epochs = recipe.epochs if epochs is None else epochs
        if in_keras:
            # A recipe that needs fewer is held to be right, but trials may take twice as many; the
            # peers have none of their own.
            epochs = min(epochs, (2 if trial else 1) * recipe.epochs)
        own: dict[str, float | int | str] = {}
        if trial:
            shared, besides = (np.random.default_rng([trial, part]) for part in (0, 1))
            drawn = {name: draw(shared) for name, draw in _SHARED.items()}
            epochs = max(1, round(epochs * _SHARE_OF_EPOCHS(shared)))
            own = {
                n: draw(besides) for n, draw in _OWN[recipe.loss if in_keras else self.loss].items()
            }
            if in_keras:  # what a recipe says of the loss
                fields = {field.name for field in dataclasses.fields(Recipe)}
                drawn |= {name: own.pop(name) for name in list(own) if name in fields}
            recipe = dataclasses.replace(recipe, **drawn)
        recipe = dataclasses.replace(recipe, epochs=epochs)
        return {
            "trained_by": "keras" if in_keras else self.loss,
            "recipe": json.loads(json.dumps(dataclasses.asdict(recipe))),  # as it is kept
            "loss": own,
        }


DEFAULT = "this package: default"
FROM_RANDOM = "this package: from random weights, tuned"
_RANDOM_START = "small_from_random"
# VSE++ has one weight for both directions, no neighbourhoods, and a margin of 0.2.
_VSE = {
    "image_anchor_weight": 1.0,
    "text_anchor_weight": 1.0,
    "text_neighborhood_weight": 0.0,
    "image_neighborhood_weight": 0.0,
    "margin": 0.2,
}
METHODS = {
    DEFAULT: Method("package", tuned=False),
    "this package: default in bfloat16": Method(
        "package", changes={"dtype": "mixed_bfloat16"}, tuned=False
    ),
    "this package: tuned": Method("package"),
    "this package: released settings": Method("package", recipe="paper", tuned=False),
    FROM_RANDOM: Method("package", recipe=_RANDOM_START),
    "max-violation loss (VSE++), tuned": Method("loss", "max_violation", _VSE),
    "InfoNCE, tuned": Method("loss", "info_nce"),
    "sigmoid loss, tuned": Method("loss", "sigmoid"),
    "pytorch-metric-learning: triplets, tuned": Method(
        "peer",
        "triplets",
        recipe=_RANDOM_START,
        needs=("torch", "pytorch_metric_learning"),
    ),
    "sentence-transformers: multiple negatives, tuned": Method(
        "peer",
        "multiple_negatives",
        recipe=_RANDOM_START,
        needs=("torch", "sentence_transformers"),
    ),
    "ridge regression": Method("closed form", "ridge", tuned=False),
    "CCA (scikit-learn)": Method("closed form", "cca", tuned=False, needs=("sklearn",)),
    "CCA, regularised": Method("closed form", "regularized_cca", tuned=False),
    "CCA by a kernel, regularised": Method("closed form", "kernel_cca", tuned=False),
}
PEERS = tuple(name for name, method in METHODS.items() if method.origin == "peer")
