"""Every signature of the small exports, good requests to each, and what comes of a bad one."""

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import slow_but
from tests.serving.exporting.bad_requests.picture_files import JPEG, PNG, noise, png
from tests.serving.exporting.small_exports import DIM, IMAGE_DIM, TEXT_DIM

AT = (17, 19)  # where bad rows stand: in one block of pictures or texts, not the first
MODELS = ("embedding", "similarity", "features", "regions")
_FAST = ("embedding", "regions")
_INPUTS = {
    "score_embeddings": ("image_embedding", "text_embedding"),
    "embed_image_features": ("features",),
    "embed_text_features": ("features",),
    "embed_text": ("text",),
}
_PICTURES = {
    **_INPUTS,
    "embed_image": ("image_bytes",),
    "similarity": ("image_bytes", "text"),
}
SIGNATURES = {
    "embedding": {**_PICTURES, "search": ("text", "k"), "search_texts": ("image_bytes", "k")},
    "similarity": _PICTURES,
    "features": {
        **{name: _INPUTS[name] for name in _INPUTS if name != "embed_text"},
        "similarity": ("image_features", "text_features"),
        "search": ("text_features", "k"),
        "search_texts": ("image_features", "k"),
    },
    "regions": {
        **_INPUTS,
        "similarity": ("image_features", "text_features"),
        "embed_regions": ("image_bytes", "boxes"),
        "localize": ("image_bytes", "boxes", "text"),
    },
}
ASKED = [(model, name) for model in MODELS for name in SIGNATURES[model]]
PAIRED = [(model, name) for model, name in ASKED if len(SIGNATURES[model][name]) > 1]


def of_models(cases):
    """The cases of a parametrized test, each a model or one of its signatures."""
    fast = [case for case in cases if (case if case in MODELS else case[0]) in _FAST]
    return slow_but(*fast, cases=cases)


def rows(model, name, n):
    """Returns good input of n rows to a signature."""
    rng = np.random.default_rng(0)
    made = {}
    for key in SIGNATURES[model][name]:
        if key == "image_bytes":
            made[key] = np.resize(np.array([PNG, JPEG, png(noise(1, 1, 1))], object), n)
        elif key == "text":
            made[key] = np.array([b"x" * (i % 50) for i in range(n)], object)
        elif key == "k":
            made[key] = np.full(n, 3, np.int32)
        elif key == "boxes":
            made[key] = np.tile(np.array([[0, 0, 1, 1], [2, 3, 8, 9]], np.float32), (n, 1, 1))
        else:
            made[key] = rng.normal(size=(n, width(model, name, key))).astype(np.float32)
    return made


def width(model, name, key):
    if key.endswith("embedding"):
        return DIM
    of_texts = "text" in key or name == "embed_text_features"
    return TEXT_DIM if of_texts else IMAGE_DIM + 5 * (model == "regions")


def ask(models, model, name, **inputs):
    """Returns the answers as arrays; all their numbers must be finite."""
    found = models[model][name](**{key: tf.constant(value) for key, value in inputs.items()})
    found = {key: tensor.numpy() for key, tensor in found.items()}
    for array in found.values():
        assert array.dtype == object or np.isfinite(array).all()
    return found


def refused(models, model, name, message, **inputs):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        ask(models, model, name, **inputs)


def every(*kinds):
    """Returns (model, signature, input) for all inputs of some names."""
    return [(m, s, key) for m, s in ASKED for key in SIGNATURES[m][s] if key in kinds]
