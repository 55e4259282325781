"""Regularised kernel canonical correlation analysis: the strongest baseline in closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tb_keras.cca.landmark_kernel import LandmarkKernel
from tb_keras.cca.pair_covariances import check_pairs, view_scales
from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation.baselines.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.evaluation.baselines.ridge_baseline import retrieval_rsum

_IMAGE_GAMMA, _TEXT_GAMMA = 0.5, 1.5


class KernelCCABaseline(RegularizedCCABaseline):
    """`RegularizedCCABaseline` over radial basis functions of the features.

    Each view's features are standardised and scaled to unit length, and stand for their likeness to
    landmarks, which are rows of the training corpus: all of them, or as many as `landmarks` says,
    drawn at random. So the directions are functions of the features that need not be linear. Where
    there are many more rows than landmarks, linear ones may be better.

    Args:
        train: corpus with both features; memory maps are read block by block.
        validation: corpus with both features.
        regularizations: shares of the landmarks' mean variance to add to each view's.
        powers: exponents of the correlations.
        dim: number of canonical directions, at most; as many as the landmarks of the view that has
            fewer if None.
        landmarks: of each view, at most.
        image_gamma: positive; of exp(-γ·‖x - l‖²), how fast likeness falls.
        text_gamma: positive.
        figure: of a baseline and the validation corpus, what regularisation and power shall
            maximise.
        verbose: whether to show bars of progress.

    Raises:
        ValueError: if nothing gets a figure, such as a validation corpus without matches.

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
        image_gamma: float = _IMAGE_GAMMA,
        text_gamma: float = _TEXT_GAMMA,
        figure: Callable[[RegularizedCCABaseline, Corpus], float] = retrieval_rsum,
        verbose: bool = False,
    ):
        kernels = landmark_kernels(train, landmarks, image_gamma, text_gamma)
        super().__init__(train, validation, regularizations, powers, dim, figure, verbose, kernels)


def landmark_kernels(
    corpus: Corpus,
    landmarks: int,
    image_gamma: float = _IMAGE_GAMMA,
    text_gamma: float = _TEXT_GAMMA,
) -> tuple[LandmarkKernel, LandmarkKernel]:
    """Returns the kernels of the images and of the texts of a corpus with both features.

    Args:
        corpus: whose rows are the landmarks.
        landmarks: of each view, at most.
        image_gamma: positive.
        text_gamma: positive.

    Raises:
        ValueError: if the corpus lacks features or matches.

    Examples:
        >>> import numpy as np
        >>> images, texts = landmark_kernels(Corpus([0, 1], np.eye(2), np.eye(2)), landmarks=1)
        >>> len(images.landmarks), texts.gamma
        (1, 1.5)
    """
    check_pairs(corpus)
    images, texts = view_scales(corpus)
    return (
        LandmarkKernel.of(corpus.image_features, *images, image_gamma, landmarks),
        LandmarkKernel.of(corpus.text_features, *texts, text_gamma, landmarks),
    )
