"""Text encoders that are fitted to the training texts, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from tb_keras.encoders.text.bag_of_words import BagOfWords, inverse_document_frequencies
from tb_keras.encoders.text.fisher_encoder import fit_fisher_encoder
from tb_keras.encoders.text.word_encoder import WORD_ENCODERS, WordEmbedding, word_encoder
from tb_keras.encoders.text.word_pooling import MeanOfWords
from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.encoders.text.words import (
    FIRST_WORD,
    WordCounts,
    are_words,
    count_words,
    word_indices,
)
from tb_keras.storage.untuned_dataset import untuned

_MIXTURES = {"hglmm": "hybrid", "gmm": "gaussian", "lmm": "laplacian"}  # of Fisher vectors
FITTED_TEXT_ENCODERS = ("tfidf", "mean_words", *_MIXTURES, *WORD_ENCODERS)
_TEXTS_PER_BATCH = 1024


class FittedText(NamedTuple):
    """A text encoder in one part or, where some of it is trained with the network, in two.

    Attributes:
        encoder: strings `(batch,)` → float32 features `(batch, feature_dim)`, or int32 word indices
            `(batch, max_words)` where there is a word encoder. Save it as a `.keras` file, whose
            path is a name for `text_encoder` and `encode_texts`.
        word_encoder: word indices → vectors, to be passed to a network as `text_encoder`; or None.
    """

    encoder: keras.Model
    word_encoder: keras.Model | None


def fit_text_encoder(
    name: str,
    texts: Sequence[str],
    word_vectors: WordVectors | None = None,
    *,
    max_vocabulary: int | None = None,
    min_texts: int = 2,
    max_words: int = 64,
    dim: int = 300,
    units: int = 256,
    seed: int = 0,
    verbose: bool = True,
    **fisher,
) -> FittedText:
    """Fits a text encoder to the training texts.

    Words are those of `tb_keras.encoders.text.words.split_words`. The vocabulary is, without
    `word_vectors`, the words that stand in at least `min_texts` of the texts; with them the words
    that have a vector: first those of the texts, then the others in their order. Frequent words
    come first, and it is cut to `max_vocabulary`.

    Args:
        name: One of

            - `"tfidf"`: a bag of words, weighted by ln((1 + n) / (1 + nᵥ)) + 1, of unit length,
              with an entry for each word of the vocabulary; words out of it are left out;
            - `"mean_words"`: the mean of the word vectors, of unit length; words without a vector
              are left out, and a text without any is a vector of zeros;
            - `"hglmm"`, `"gmm"`, `"lmm"`: Fisher vectors of the word vectors under a hybrid
              Gaussian-Laplacian, Gaussian or Laplacian mixture, on their principal components, see
              `tb_keras.encoders.text.fisher_encoder`; words without a vector are left out;
            - `"attended_words"`, `"lstm"`, `"bidirectional_lstm"`: trained with the network, see
              `tb_keras.encoders.word_encoder`; words out of the vocabulary share a learned vector.
        texts: the training texts.
        word_vectors: needed for `"mean_words"` and Fisher vectors, first values for those that are
            trained (random ones if left out), of no use for `"tfidf"`.
        max_vocabulary: words in the vocabulary at most; if left out 20,000, and 5,000 for
            `"tfidf"`, where each word is a dimension.
        min_texts: a word in fewer texts is out of the vocabulary, so that an encoder that is
            trained meets such words.
        max_words: words after which a text is cut (but for `"tfidf"`). Encoders that are trained
            cut at the longest of `texts`, where that is shorter: each word is a step of an LSTM.
        dim: size of word vectors that are random.
        units: as in `tb_keras.encoders.word_encoder`.
        seed: of random weights, for which it sets Keras's global seed, and of the mixture.
        verbose: whether to show progress.
        **fisher: for Fisher vectors, `num_centers` and others that `fit_fisher_encoder` takes.

    Returns:
        The encoder, and the word encoder where there is one.

    Raises:
        ValueError: if `name` is unknown, a number is not positive, word vectors are missing or of
            no use, or no word is left for the vocabulary.

    Examples:
        >>> texts = ["a dog", "a cat", "a dog and a cat"]
        >>> fit_text_encoder("tfidf", texts, verbose=False).encoder.output_shape
        (None, 3)
        >>> indices, words = fit_text_encoder("lstm", texts, units=8, verbose=False)
        >>> indices.output_shape, words.output_shape
        ((None, 5), (None, 8))
    """
    if max_vocabulary is None:
        max_vocabulary = 5000 if name == "tfidf" else 20_000
    _check(name, word_vectors, max_vocabulary, min_texts, max_words, fisher)
    counts = count_words(texts, verbose)
    vocabulary = _vocabulary(counts, word_vectors, min_texts)[:max_vocabulary]
    if not vocabulary:
        raise ValueError(
            f"`texts` must hold words for the vocabulary. Received: {len(texts)} texts with "
            f"{len(counts.texts_with)} words, none in {min_texts} texts or with a vector"
        )
    if name in WORD_ENCODERS:
        keras.utils.set_random_seed(seed)
        trained = word_encoder(name, vocabulary, word_vectors, dim, units)
        return FittedText(
            _indexing(name, vocabulary, max(1, min(max_words, counts.longest))), trained
        )
    if name == "tfidf":
        encoder = _bag_of_words(vocabulary, counts)
    else:
        vectors = word_vectors.of(vocabulary)
        indexing = _indexing("word_indices", vocabulary, max_words)
        if name == "mean_words":
            of_indices = _mean_of_words(vectors)
        else:
            indices = indexing.predict(_batches(texts), verbose=0)
            of_indices = fit_fisher_encoder(
                indices, vectors, kind=_MIXTURES[name], seed=seed, verbose=verbose, **fisher
            )
        encoder = keras.Model(indexing.input, of_indices(indexing.output), name=name)
    return FittedText(encoder, None)


def _check(name, word_vectors, max_vocabulary, min_texts, max_words, fisher) -> None:
    if name not in FITTED_TEXT_ENCODERS:
        raise ValueError(
            f"`name` must be one of {', '.join(FITTED_TEXT_ENCODERS)}. Received: {name!r}"
        )
    numbers = {"max_vocabulary": max_vocabulary, "min_texts": min_texts, "max_words": max_words}
    for argument, number in numbers.items():
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"`{argument}` must be a positive int. Received: {number!r}")
    if word_vectors is None and name not in ("tfidf", *WORD_ENCODERS):
        raise ValueError(f"`word_vectors` must be given for {name!r}. Received: None")
    if word_vectors is not None and name == "tfidf":
        raise ValueError(
            f"`word_vectors` must be left out for {name!r}. Received: {word_vectors!r}"
        )
    if fisher and name not in _MIXTURES:
        raise ValueError(
            f"{name!r} takes no {', '.join(fisher)}: they are for {', '.join(_MIXTURES)}"
        )


def _vocabulary(counts: WordCounts, word_vectors: WordVectors | None, min_texts: int) -> list[str]:
    if word_vectors is None:
        return [word for word, number in counts.texts_with.items() if number >= min_texts]
    seen = [word for word in counts.texts_with if word in word_vectors]
    # "Dog" or "ice cream" is no word that `split_words` gives, so no text could ask for it.
    usable = zip(word_vectors.words, are_words(word_vectors.words))
    return seen + [word for word, is_word in usable if is_word and word not in counts.texts_with]


def _indexing(name: str, vocabulary: Sequence[str], max_words: int) -> keras.Model:
    strings = keras.Input((), dtype="string", name="texts")
    indices = word_indices(vocabulary, max_words)(strings)
    return keras.Model(strings, ops.cast(indices, "int32"), name=name)


def _bag_of_words(vocabulary: Sequence[str], counts: WordCounts) -> keras.Model:
    strings = keras.Input((), dtype="string", name="texts")
    bag = BagOfWords(len(vocabulary), name="bag_of_words")
    texts_with = [counts.texts_with[word] for word in vocabulary]
    bag.set_weighting(inverse_document_frequencies(texts_with, counts.num_texts))
    return keras.Model(strings, bag(word_indices(vocabulary, None)(strings)), name="tfidf")


def _mean_of_words(vectors: np.ndarray) -> keras.Model:
    indices = keras.Input((None,), dtype="int32", name="word_indices")
    embedding = WordEmbedding(*vectors.shape, trainable=False, dtype="float32", name="word_vectors")
    embedded = embedding(indices)
    embedding.set_vectors(vectors)
    mean = MeanOfWords(name="mean", dtype="float32")(embedded, mask=indices >= FIRST_WORD)
    unit = keras.layers.UnitNormalization(name="features", dtype="float32")(mean)
    return keras.Model(indices, unit, name="mean_of_words")


def _batches(texts: Sequence[str]):
    import tensorflow as tf

    return untuned(tf.data.Dataset.from_tensor_slices(list(texts)).batch(_TEXTS_PER_BATCH))
