"""A baseline by regularised kernel canonical correlation analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tb_keras.cca.landmark_kernel import IMAGE_GAMMA, TEXT_GAMMA, landmark_kernels
from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation.baselines.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.evaluation.baselines.ridge_baseline import Embedder, retrieval_rsum


class KernelCCABaseline(RegularizedCCABaseline):
    """`RegularizedCCABaseline` over radial basis functions of the features.

    Each view's features are standardised and scaled to unit length. Their likeness to landmarks
    takes their place, so the directions are functions of the features that need not be linear. The
    landmarks are rows of the training corpus, drawn at random if there are more than `landmarks`.
    With many more rows than landmarks, `RegularizedCCABaseline` may be better.

    Args:
        train: corpus with both features; memory maps are read block by block.
        validation: corpus with both features.
        regularizations: shares of the landmarks' mean variance to add to each view's covariance.
        powers: exponents of the correlations.
        dim: number of canonical directions, at most; if None as many as the view with fewer
            landmarks has.
        landmarks: number of landmarks of each view, at most.
        image_gamma: positive float, the γ of exp(-γ·‖x - l‖²): how fast likeness falls.
        text_gamma: positive float.
        figure: function of a baseline and the validation corpus; its value chooses the
            regularisation and the power, higher for better.
        verbose: whether to show bars of progress.

    Raises:
        ValueError: if no setting has a figure, as with a validation corpus without matches.

    Reference:
        Hardoon, Szedmak and Shawe-Taylor, *Canonical Correlation Analysis: An Overview with
        Application to Learning Methods*, Neural Computation 16(12), 2004, section 4.

    Examples:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> images = rng.standard_normal((50, 4))
        >>> corpus = Corpus(np.arange(50), image_features=images, text_features=images[:, :3] ** 2)
        >>> KernelCCABaseline(corpus, corpus, dim=5).embed_texts(images[:2, :3] ** 2).shape
        (2, 5)
    """

    def __init__(
        self,
        train: Corpus,
        validation: Corpus,
        regularizations: Sequence[float] = (1.0, 0.3, 3.0),
        powers: Sequence[float] = (1, 0.5, 0, 2),
        dim: int | None = None,
        landmarks: int = 2000,
        image_gamma: float = IMAGE_GAMMA,
        text_gamma: float = TEXT_GAMMA,
        figure: Callable[[Embedder, Corpus], float] = retrieval_rsum,
        verbose: bool = False,
    ):
        kernels = landmark_kernels(train, landmarks, image_gamma, text_gamma)
        super().__init__(train, validation, regularizations, powers, dim, figure, verbose, kernels)
