"""Turning any bytes into valid text of a bounded length, inside the graph."""

from __future__ import annotations

import tensorflow as tf

from tb_keras.checks.arguments import check_int

MAX_CHARACTERS = 10_000
_MAX_BYTES = 4  # of a character in UTF-8


def clean_texts(texts: tf.Tensor, max_characters: int = MAX_CHARACTERS) -> tf.Tensor:
    r"""Makes strings valid UTF-8 and cuts them.

    Bytes that are not UTF-8 become U+FFFD, one for each maximal ill-formed part, as in Python's
    `bytes.decode(errors="replace")`. All other characters stay, NUL included. A longer text keeps
    its first `max_characters` Unicode characters. Work and memory grow with what is kept, not with
    what came.

    Args:
        texts: string `(batch,)`, any bytes.
        max_characters: how many characters of a text are kept, positive.

    Returns:
        string `(batch,)`.

    Raises:
        ValueError: if `max_characters` is not a positive int.

    Examples:
        >>> [text.decode() for text in clean_texts([b"caf\xc3\xa9", b"a \xff dog"], 4).numpy()]
        ['café', 'a � ']
    """
    check_int("max_characters", max_characters, least=1)
    # Enough bytes for all characters that stay: one that is cut in two here lies behind them.
    texts = tf.strings.substr(texts, 0, _MAX_BYTES * max_characters)
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    return tf.strings.substr(texts, 0, max_characters, unit="UTF8_CHAR")
