"""The text features of the paper: Fisher vectors of word vectors, on their principal components."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from tb_keras.encoders.fisher.fisher_vectors import FisherVectors
from tb_keras.encoders.fisher.mixture_fitting import fit_mixture
from tb_keras.encoders.fisher.principal_components import (
    principal_components,
    randomly_rotated,
)
from tb_keras.encoders.fisher.principal_projection import PrincipalProjection
from tb_keras.encoders.text.word_encoder import WordEmbedding
from tb_keras.encoders.text.words import FIRST_WORD
from tb_keras.storage.untuned_dataset import untuned


def fit_fisher_encoder(
    indices: np.ndarray,
    vectors: np.ndarray,
    *,
    num_centers: int = 30,
    kind: str = "hybrid",
    components: int | None = 6000,
    projection_texts: int = 30_000,
    batch_size: int = 64,
    seed: int = 0,
    verbose: bool = True,
) -> keras.Model:
    """Fits the encoder of texts that are given as word indices.

    The mixture is fitted to the vectors of the words that occur in the texts, each word once; the
    principal components to the Fisher vectors of the texts (all that have a known word, or a
    sample of them), in a random basis of their space (see `randomly_rotated`). With the defaults
    and 300-dimensional word2vec vectors these are the "HGLMM" features of the paper: 2 · 30 · 300 =
    18,000 dimensions, projected to 6,000. Klein et al. also transform the word vectors by ICA
    first, for slight gains; that is left out here.

    Args:
        indices: int `(m, words)`: 0 is padding, 1 a word that has no vector and is left out,
            `i + 2` the word of row `i` of `vectors`.
        vectors: float32 `(V, dim)`, the table of word vectors.
        num_centers: K of the mixture; fewer where fewer words occur, with a message.
        kind: `"gaussian"`, `"laplacian"` or `"hybrid"`: GMM, LMM or HGLMM.
        components: number of principal components at most, fewer where the texts span fewer, with
            a message; None leaves the Fisher vectors as they are.
        projection_texts: number of texts, at most, that the components are fitted to.
        batch_size: texts encoded at a time while fitting.
        seed: of the mixture's start and of the sample.
        verbose: show progress and messages.

    Returns:
        A model from int32 word indices `(batch, words)`, of any number of words, to float32
        features `(batch, components)` of unit length. A text without a known word is a row of
        zeros.

    Raises:
        ValueError: A wrong shape or type, an index out of range, or fewer than two texts with a
            known word.

    Reference:
        Klein, Lev, Sadeh and Wolf, *Associating Neural Word Embeddings with Deep Image
        Representations using Fisher Vectors*, CVPR 2015; Wang, Li, Huang and Lazebnik, TPAMI
        41(2), 2019, for the projection.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> vectors = rng.standard_normal((50, 4)).astype("float32")
        >>> texts = rng.integers(2, 52, (40, 6))
        >>> encoder = fit_fisher_encoder(texts, vectors, num_centers=2, components=5, verbose=False)
        >>> encoder(np.array([[7, 9, 0], [0, 0, 0]], "int32")).numpy().any(axis=1)
        array([ True, False])
    """
    indices, vectors = np.asarray(indices), np.asanyarray(vectors)
    _check(indices, vectors)
    words = np.unique(indices)
    words = words[words >= FIRST_WORD] - FIRST_WORD
    texts = np.flatnonzero((indices >= FIRST_WORD).any(axis=1))
    if len(texts) < 2:
        raise ValueError(
            f"`indices` must have two texts with a known word or more. Received: {len(texts)}"
        )
    if verbose and len(words) < num_centers:
        print(f"{len(words)} centers instead of {num_centers}: no more words occur.")
    mixture = fit_mixture(
        vectors[words], min(num_centers, len(words)), kind, seed=seed, verbose=verbose
    )
    inputs = keras.Input((None,), dtype="int32", name="word_indices")
    table = WordEmbedding(*vectors.shape, trainable=False, dtype="float32", name="word_vectors")
    embedded = table(inputs)
    table.set_vectors(vectors)
    features = FisherVectors.of(mixture, name="fisher_vectors")(
        embedded, mask=ops.greater_equal(inputs, FIRST_WORD)
    )
    fisher = keras.Model(inputs, features, name="fisher")
    if components is None:
        return fisher
    if len(texts) > projection_texts:
        rng = np.random.default_rng(seed)
        texts = np.sort(rng.choice(texts, projection_texts, replace=False))
    found = principal_components(
        _encoded(fisher, indices, texts, batch_size, verbose),
        components,
        seed=seed,
        verbose=verbose,
    )
    turned = randomly_rotated(found, seed)
    projected = PrincipalProjection.of(turned, name="principal_components")(features)
    unit = keras.layers.UnitNormalization(dtype="float32", name="features")(projected)
    return keras.Model(inputs, unit, name="fisher_encoder")


def _encoded(
    model: keras.Model, indices: np.ndarray, texts: np.ndarray, batch_size: int, verbose: bool
) -> Iterator[np.ndarray]:
    """The features of some texts, in blocks."""
    import tensorflow as tf

    bar = keras.utils.Progbar(len(texts), verbose=int(verbose), unit_name="text")
    blocks = max(4096 // batch_size, 1) * batch_size
    for start in range(0, len(texts), blocks):
        chosen = texts[start : start + blocks]
        words = tf.data.Dataset.from_tensor_slices(indices[chosen].astype(np.int32))
        yield model.predict(untuned(words.batch(batch_size)), verbose=0)
        bar.update(start + len(chosen))


def _check(indices: np.ndarray, vectors: np.ndarray) -> None:
    if vectors.ndim != 2 or vectors.dtype != np.float32:
        raise ValueError(
            "`vectors` must be float32 of shape (V, dim). "
            f"Received: shape={vectors.shape}, dtype={vectors.dtype}"
        )
    if indices.ndim != 2 or indices.dtype.kind not in "iu":
        raise ValueError(
            "`indices` must be an int array of shape (m, words). "
            f"Received: shape={indices.shape}, dtype={indices.dtype}"
        )
    low, high = indices.min(initial=0), indices.max(initial=0)
    if low < 0 or high >= len(vectors) + FIRST_WORD:
        raise ValueError(
            f"`indices` must lie in [0, {len(vectors) + FIRST_WORD}). "
            f"Received: from {low} to {high}"
        )
