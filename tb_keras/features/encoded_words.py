"""Word vectors made by a text encoder."""

from __future__ import annotations

from collections.abc import Sequence

from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.features.corpus_features import encode_texts


def encoded_word_vectors(
    words: Sequence[str], encoder: str = "minilm", verbose: bool = True
) -> WordVectors:
    """Makes word vectors by a text encoder that gets each word alone.

    The encoder knows parts of words, so every word has a vector. The vectors know no context, and
    the encoder was trained on sentences. They are kept in the cache directory, as those of
    `encode_texts`.

    Args:
        words: distinct strings.
        encoder: a name that `tb_keras.encoders.text_encoder` takes.
        verbose: whether to show progress.

    Returns:
        `WordVectors` of the words, in their order.

    Examples:
        >>> vectors = encoded_word_vectors(["dog", "puppy", "bus"], verbose=False)
        >>> dog, puppy, bus = vectors.vectors
        >>> bool(dog @ puppy > dog @ bus)
        True
    """
    return WordVectors(list(words), encode_texts(words, encoder, verbose))
