"""Word vectors made by a text encoder."""

from __future__ import annotations

from collections.abc import Sequence

from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.features.corpus_features import encode_texts


def encoded_word_vectors(
    words: Sequence[str], encoder: str = "minilm", verbose: bool = True
) -> WordVectors:
    """Makes word vectors by a text encoder that gets each word alone.

    Nothing is downloaded that the encoder does not need itself, and as it knows parts of words,
    every word has a vector. They are vectors of words without context, from an encoder that was
    trained on sentences. They are kept on disk as `encode_texts` does.

    Args:
        words: distinct strings.
        encoder: a name that `tb_keras.encoders.text_encoder` takes.
        verbose: whether to show progress.

    Examples:
        >>> vectors = encoded_word_vectors(["dog", "puppy", "bus"], verbose=False)
        >>> dog, puppy, bus = vectors.vectors
        >>> bool(dog @ puppy > dog @ bus)
        True
    """
    return WordVectors(list(words), encode_texts(words, encoder, verbose))
