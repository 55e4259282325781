"""Texts that are longer than a text encoder reads."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

_TEXTS = 1024  # tokenized at a time


def warn_of_cut_texts(texts: Sequence[str], name: str, max_tokens: int) -> None:
    """Warns how many texts `text_encoder` would cut. Short ones are not even tokenized.

    Args:
        texts: the strings.
        name: a pretrained encoder of `text_encoder`.
        max_tokens: as in `text_encoder`.
    """
    # A token has a byte at least. A start and an end token are added.
    long = [text for text in texts if len(text.encode("utf-8", "replace")) > max_tokens - 2]
    if not long:
        return
    counts = token_counts(long, name)
    cut = int(np.count_nonzero(counts > max_tokens))
    if cut:
        warnings.warn(
            f"{cut} of {len(texts)} texts are cut after max_tokens={max_tokens} tokens; the "
            f"longest has {counts.max()}",
            stacklevel=3,
        )


def token_counts(texts: Sequence[str], name: str) -> np.ndarray:
    """Returns the number of tokens of each text, start and end included, int `(n,)`.

    Examples:
        >>> token_counts(["hello world", "hi"], "minilm").tolist()
        [4, 3]
    """
    import tensorflow as tf

    from tb_keras.encoders.text.text_encoder import text_tokenizer

    signature = [tf.TensorSpec([None], tf.string)]
    tokenize = tf.function(text_tokenizer(name), input_signature=signature)
    starts = range(0, len(texts), _TEXTS)
    parts = [tokenize(tf.constant(list(texts[s : s + _TEXTS]))).row_lengths() for s in starts]
    return np.concatenate([np.zeros(0, int), *parts]).astype(int) + 2
