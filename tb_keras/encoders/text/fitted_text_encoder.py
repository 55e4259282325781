"""Text encoders that are fitted to the training texts, by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from tb_keras.checks.arguments import check_int
from tb_keras.encoders.text.bag_of_words import BagOfWords, inverse_document_frequencies
from tb_keras.encoders.text.character_runs import split_character_runs
from tb_keras.encoders.text.fisher_encoder import fit_fisher_encoder
from tb_keras.encoders.text.word_encoder import WORD_ENCODERS, WordEmbedding, word_encoder
from tb_keras.encoders.text.word_pooling import MeanOfWords
from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.encoders.text.words import (
    FIRST_WORD,
    WordCounts,
    are_words,
    count_words,
    split_words,
    word_indices,
)

_MIXTURES = {"hglmm": "hybrid", "gmm": "gaussian", "lmm": "laplacian"}  # for Fisher vectors
BAGS: dict[str, Callable] = {"tfidf": split_words, "tfidf_characters": split_character_runs}
FITTED_TEXT_ENCODERS = (*BAGS, "mean_words", *_MIXTURES, *WORD_ENCODERS)
_TEXTS_PER_BATCH = 1024


class FittedText(NamedTuple):
    """A fitted text encoder: one part, or two if the second is trained with the network.

    Attributes:
        encoder: a model from strings `(batch,)` to float32 features `(batch, feature_dim)`, or to
            int32 word indices `(batch, max_words)` if there is a word encoder. Save it as a
            `.keras` file, whose path is a name for `text_encoder` and `encode_texts`.
        word_encoder: a model from word indices to vectors, which you pass to a network as
            `text_encoder`; or None.
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

    Text is split into words without case and punctuation, in any script. Without `word_vectors`,
    the vocabulary is the words in at least `min_texts` of the texts. With them, it is the words
    that have a vector: first those of the texts, then the others in their order. Frequent words
    come first, and the rest is cut off at `max_vocabulary`.

    Args:
        name: one of

            - `"tfidf"`: a bag of words of unit length, weighted by ln((1 + n) / (1 + nᵥ)) + 1, with
              an entry for each word of the vocabulary. Other words do not count.
            - `"tfidf_characters"`: the same with the runs of 3 to 5 characters inside words in
              place of words, for languages with many forms of a word.
            - `"mean_words"`: the mean of the word vectors, of unit length. Words without a vector
              do not count, and a text without any gives zeros.
            - `"hglmm"`, `"gmm"`, `"lmm"`: Fisher vectors of the word vectors under a hybrid
              Gaussian-Laplacian, Gaussian or Laplacian mixture, projected on their principal
              components: the paper's text features. Words without a vector do not count.
            - `"attended_words"`, `"lstm"`, `"bidirectional_lstm"`: trained with the network, see
              `tb_keras.encoders.word_encoder`. Words outside the vocabulary share a learned vector.
        texts: the training texts.
        word_vectors: needed for `"mean_words"` and Fisher vectors; first values for encoders that
            are trained (random ones if left out); not for tf-idf.
        max_vocabulary: greatest number of words in the vocabulary. If left out, 20,000, and 5,000
            for tf-idf, where each word is a dimension.
        min_texts: least number of texts with a word of the vocabulary. With 2 or more, an encoder
            that is trained also meets words outside it.
        max_words: number of words after which a text is cut (not for tf-idf). Encoders that are
            trained cut at the longest of `texts` if that is shorter. A warning says if a text is
            cut.
        dim: size of random word vectors.
        units: as in `tb_keras.encoders.word_encoder`.
        seed: seed of the mixture and of random weights, for which it sets Keras's global seed.
        verbose: whether to show progress.
        **fisher: for Fisher vectors: `num_centers`, `components`, `projection_texts` and
            `batch_size`.

    Returns:
        A `FittedText`: the encoder, and the word encoder if there is one.

    Raises:
        ValueError: `name` is unknown, a number is not positive, word vectors are missing or of no
            use, or no word is left for the vocabulary.

    Examples:
        >>> texts = ["a dog", "a cat", "a dog and a cat"]
        >>> fit_text_encoder("tfidf", texts, verbose=False).encoder.output_shape
        (None, 3)
        >>> indices, words = fit_text_encoder("lstm", texts, units=8, verbose=False)
        >>> indices.output_shape, words.output_shape
        ((None, 5), (None, 8))
    """
    if max_vocabulary is None:
        max_vocabulary = 5000 if name in BAGS else 20_000
    _check(name, word_vectors, max_vocabulary, min_texts, max_words, fisher)
    split = BAGS.get(name, split_words)
    counts = count_words(texts, verbose, split)
    if name not in BAGS and counts.longest > max_words:
        warnings.warn(
            f"texts are cut after max_words={max_words} words; the longest has {counts.longest}",
            stacklevel=2,
        )
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
    if name in BAGS:
        encoder = _bag_of_words(name, vocabulary, counts)
    else:
        vectors = word_vectors.of(vocabulary)
        indexing = _indexing("word_indices", vocabulary, max_words)
        if name == "mean_words":
            of_indices = _mean_of_words(vectors)
        else:
            import tensorflow as tf

            batches = (
                tf.constant(list(texts[start : start + _TEXTS_PER_BATCH]))
                for start in range(0, len(texts), _TEXTS_PER_BATCH)
            )
            indices = np.concatenate([indexing.predict_on_batch(batch) for batch in batches])
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
        check_int(argument, number, least=1)
    if word_vectors is None and name not in (*BAGS, *WORD_ENCODERS):
        raise ValueError(f"`word_vectors` must be given for {name!r}. Received: None")
    if word_vectors is not None and name in BAGS:
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
    # `split_words` never gives "Dog" or "ice cream", so no text could ask for them.
    usable = zip(word_vectors.words, are_words(word_vectors.words))
    return seen + [word for word, is_word in usable if is_word and word not in counts.texts_with]


def _indexing(name: str, vocabulary: Sequence[str], max_words: int) -> keras.Model:
    strings = keras.Input((), dtype="string", name="texts")
    indices = word_indices(vocabulary, max_words)(strings)
    return keras.Model(strings, ops.cast(indices, "int32"), name=name)


def _bag_of_words(name: str, vocabulary: Sequence[str], counts: WordCounts) -> keras.Model:
    strings = keras.Input((), dtype="string", name="texts")
    bag = BagOfWords(len(vocabulary), name="bag_of_words")
    texts_with = [counts.texts_with[word] for word in vocabulary]
    bag.set_weighting(inverse_document_frequencies(texts_with, counts.num_texts))
    indices = word_indices(vocabulary, None, BAGS[name])(strings)
    return keras.Model(strings, bag(indices), name=name)


def _mean_of_words(vectors: np.ndarray) -> keras.Model:
    indices = keras.Input((None,), dtype="int32", name="word_indices")
    embedding = WordEmbedding(*vectors.shape, trainable=False, dtype="float32", name="word_vectors")
    embedded = embedding(indices)
    embedding.set_vectors(vectors)
    mean = MeanOfWords(name="mean", dtype="float32")(embedded, mask=indices >= FIRST_WORD)
    unit = keras.layers.UnitNormalization(name="features", dtype="float32")(mean)
    return keras.Model(indices, unit, name="mean_of_words")
