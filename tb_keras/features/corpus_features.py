"""The features of a corpus, by encoders chosen by name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import keras
import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.encoders.image.image_encoder import image_encoder
from tb_keras.encoders.shortened_names import ALL_BLOCKS, whole_name
from tb_keras.encoders.text.cut_texts import warn_of_cut_texts
from tb_keras.encoders.text.text_encoder import text_encoder
from tb_keras.encoders.text.tokenization import TokenizeTexts
from tb_keras.features.feature_file import mapped_features
from tb_keras.features.region_features import encode_regions
from tb_keras.storage.cache_key import encoder_settings
from tb_keras.storage.feature_cache import cached_features, filled_store
from tb_keras.storage.pictures.picture_reference import picture_digest, read_picture

_IMAGES_PER_BATCH = 32
_TEXTS_PER_BATCH = 64
_MAX_TOKENS = 128  # the default, which no key of kept features names
_HELD = 2**16  # items whose features are held in memory
_PICTURES_HELD = 2**12  # pictures whose pixels are


def encode_images(
    paths: Sequence[str],
    encoder: str | keras.Model = "efficientnet_lite0_levels",
    verbose: bool = True,
    crops: int = 1,
) -> np.ndarray:
    """Encodes picture files, and keeps the features in the cache directory.

    Args:
        paths: paths of PNG, JPEG, GIF or BMP files.
        encoder: a name that `tb_keras.encoders.image_encoder` takes; or such a model itself, whose
            features are not kept.
        verbose: whether to show progress.
        crops: 1, 2 or 10, as in `image_encoder`.

    Returns:
        Float32 `(len(paths), feature_dim)`. With more than 65,536 pictures, a memory map of
        float16. The pixels that an encoder `"NAME[:0]"` gives are uint8, and a memory map with more
        than 4,096 pictures.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: `encoder` or `crops` is unknown.
    """
    size = max(1, _IMAGES_PER_BATCH // crops)
    if not isinstance(encoder, str):
        return _in_batches(encoder, paths, size, read_picture)
    build = functools.cache(lambda: image_encoder(encoder, crops=crops))
    settings = {**encoder_settings("image", encoder), "crops": crops}
    pixels = whole_name(encoder)[1] == ALL_BLOCKS

    def encode(some: Sequence[str]) -> np.ndarray:
        features = _in_batches(build(), some, size, read_picture)
        return features.astype(np.uint8) if pixels else features

    held = _PICTURES_HELD if pixels else _HELD
    keep = cached_features if len(paths) <= held else mapped_features
    return keep(settings, paths, picture_digest, encode, verbose)


def encode_texts(
    texts: Sequence[str],
    encoder: str | keras.Model = "minilm",
    verbose: bool = True,
    max_tokens: int = 128,
) -> np.ndarray:
    """Encodes strings, and keeps the features in the cache directory.

    Args:
        texts: the strings.
        encoder: a name that `tb_keras.encoders.text_encoder` takes; or such a model itself, whose
            features are not kept.
        verbose: whether to show progress.
        max_tokens: as in `text_encoder`. A warning says how many texts are longer.

    Returns:
        Float32 `(len(texts), feature_dim)`; for an encoder that gives word indices, int32
        `(len(texts), max_words)`. With more than 65,536 texts, a memory map of float16 or int32.

    Raises:
        ValueError: `encoder` is unknown.
        FileNotFoundError: `encoder` is the path of a file that does not exist.
    """
    if not isinstance(encoder, str):
        return _texts_in_batches(encoder, texts)
    build = functools.cache(lambda: text_encoder(encoder, max_tokens=max_tokens))
    settings = encoder_settings("text", encoder)
    if not encoder.endswith(".keras"):  # a file has its own length
        warn_of_cut_texts(texts, encoder, max_tokens)
        if max_tokens != _MAX_TOKENS:
            settings["max_tokens"] = max_tokens

    def encode(some: Sequence[str]) -> np.ndarray:
        return _texts_in_batches(build(), some)

    # Phrases repeat: "a man" stands in thousands of sentences. A batch of texts of like length has
    # little padding.
    distinct = sorted(dict.fromkeys(texts), key=len)
    if len(texts) > _HELD:
        filled_store(settings, distinct, str, encode, verbose)
        return mapped_features(settings, texts, str, encode, verbose)
    features = cached_features(settings, distinct, str, encode, verbose)
    row_of = {text: row for row, text in enumerate(distinct)}
    return features[[row_of[text] for text in texts]]


def encode_corpus(
    corpus: Corpus,
    image_encoder: str | keras.Model = "efficientnet_lite0_levels",
    text_encoder: str | keras.Model = "minilm",
    verbose: bool = True,
    crops: int = 1,
    max_tokens: int = 128,
    **regions,
) -> Corpus:
    """Returns a corpus with the features of its pictures and texts; those it has stay.

    If the corpus has a grounding, its images are regions, which `encode_regions` encodes.

    Args:
        corpus: with `image_paths`, `grounding` or `image_features`, and `texts` or `text_features`.
        image_encoder: as in `encode_images`; for a corpus with a grounding, a name.
        text_encoder: as in `encode_texts`.
        verbose: whether to show progress.
        crops: as in `encode_images`, for a corpus without a grounding.
        max_tokens: as in `encode_texts`.
        **regions: for a corpus with a grounding: `region_features`, `size`, `spatial` and `context`
            of `encode_regions`.

    Returns:
        The `Corpus` with `image_features` and `text_features`.

    Raises:
        ValueError: there is nothing to encode, a name is unknown, or `regions` are given for a
            corpus without a grounding.
        FileNotFoundError: a picture is missing.
    """
    if regions and corpus.grounding is None:
        raise ValueError(
            f"`corpus` must have a grounding with {', '.join(regions)}. Received: {corpus}"
        )
    changes = {}
    if corpus.image_features is None and corpus.grounding is not None:
        changes["image_features"] = encode_regions(
            corpus.grounding, image_encoder, verbose=verbose, **regions
        )
    elif corpus.image_features is None:
        if corpus.image_paths is None:
            raise ValueError(
                f"`corpus` must have image_paths or image_features. Received: {corpus}"
            )
        changes["image_features"] = encode_images(corpus.image_paths, image_encoder, verbose, crops)
    if corpus.text_features is None:
        if corpus.texts is None:
            raise ValueError(f"`corpus` must have texts or text_features. Received: {corpus}")
        changes["text_features"] = encode_texts(corpus.texts, text_encoder, verbose, max_tokens)
    return corpus.replace(**changes)


def _texts_in_batches(encoder: keras.Model, texts: Sequence[str]) -> np.ndarray:
    """Returns the features of texts, which are encoded in the order of their lengths."""
    tokenize = [layer for layer in encoder.layers if isinstance(layer, TokenizeTexts)]
    # To count tokens takes a hundredth of the time of encoding; a letter more is often no token.
    lengths = tokenize[0].token_counts(texts) if tokenize else [len(text) for text in texts]
    order = np.argsort(lengths, kind="stable")
    features = _in_batches(encoder, [texts[row] for row in order], _TEXTS_PER_BATCH, str)
    in_place = np.empty_like(features)
    in_place[order] = features
    return in_place


def _in_batches(
    encoder: keras.Model,
    items: Sequence[str],
    batch_size: int,
    content: Callable[[str], str | bytes],
) -> np.ndarray:
    """Returns the features of the items' content."""
    import tensorflow as tf

    batches = (items[start : start + batch_size] for start in range(0, len(items), batch_size))
    return np.concatenate(
        [encoder.predict_on_batch(tf.constant([content(i) for i in some])) for some in batches]
    )
