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

_BLOCK_ROWS = 4096  # texts whose Fisher vectors are held at a time


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
    """Fits an encoder by Fisher vectors to texts that are given as word indices.

    The mixture is fitted to the vectors of the words that occur in the texts, each word once. The
    principal components are fitted to the Fisher vectors of the texts that have a known word, or of
    a sample of them. They get a random basis of their space (see `randomly_rotated`).

    With the defaults and 300-dimensional word2vec vectors, these are the "HGLMM" features of the
    paper: 2 · 30 · 300 = 18,000 dimensions, projected to 6,000. Klein et al. first transform the
    word vectors by ICA, for slight gains; this function does not.

    Args:
        indices: int `(m, words)`: 0 is padding, 1 a word without a vector, which does not count,
            and `i + 2` the word of row `i` of `vectors`.
        vectors: float32 `(V, dim)`, the table of word vectors.
        num_centers: number of centres of the mixture; fewer, with a message, if fewer words occur.
        kind: `"gaussian"`, `"laplacian"` or `"hybrid"`: GMM, LMM or HGLMM.
        components: greatest number of principal components; fewer, with a message, if the texts
            span fewer. None leaves the Fisher vectors as they are.
        projection_texts: greatest number of texts that the components are fitted to.
        batch_size: texts encoded at a time during the fit.
        seed: seed of the mixture's start, of the sample and of the basis.
        verbose: whether to show progress and messages.

    Returns:
        A model from int32 word indices `(batch, words)`, with any number of words, to float32
        features `(batch, components)` of unit length. A text without a known word gives zeros.

    Raises:
        ValueError: an argument has a wrong shape or type, an index is out of range, or fewer than
            two texts have a known word.

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
    """Yields the features of some texts, in blocks."""
    bar = keras.utils.Progbar(len(texts), verbose=int(verbose), unit_name="text")
    for start in range(0, len(texts), _BLOCK_ROWS):
        block = indices[texts[start : start + _BLOCK_ROWS]].astype(np.int32)
        batches = (block[at : at + batch_size] for at in range(0, len(block), batch_size))
        yield np.concatenate([model.predict_on_batch(batch) for batch in batches])
        bar.update(start + len(block))


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
