"""Parts of a corpus that published protocols measure on, and the means of their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus


def folds(corpus: Corpus, num_folds: int = 5) -> list[Corpus]:
    """Splits a corpus into folds of consecutive images with their texts.

    The protocol "MSCOCO 1K" takes five folds of the 5,000 test images of MSCOCO. Measure on each
    fold and take `mean_metrics`. Every image is in one fold. If the number of images does not
    divide evenly, the first folds have one image more.

    Args:
        corpus: a corpus whose images have the order of the protocol.
        num_folds: int from 1 to the number of images.

    Raises:
        ValueError: if `num_folds` is out of range.

    Reference:
        Karpathy and Fei-Fei, *Deep Visual-Semantic Alignments for Generating Image Descriptions*,
        CVPR 2015 (arXiv 1412.2306), for the split; Faghri, Fleet, Kiros and Fidler, *VSE++*, BMVC
        2018 (arXiv 1707.05612), among many others, for the mean over its five folds.

    Examples:
        >>> corpus = Corpus(np.array([0, 0, 1, 2]), texts=["a dog", "a pet", "a cat", "a bird"])
        >>> [fold.texts for fold in folds(corpus, 2)]
        [['a dog', 'a pet', 'a cat'], ['a bird']]
    """
    check_int("num_folds", num_folds, least=1)
    if num_folds > corpus.num_images:
        raise ValueError(
            f"`num_folds` must be at most {corpus.num_images}, the number of images. "
            f"Received: num_folds={num_folds}"
        )
    return [
        corpus.subset(images=images)
        for images in np.array_split(np.arange(corpus.num_images), num_folds)
    ]


def by_language(corpus: Corpus) -> dict[str, Corpus]:
    """Splits a corpus of several languages by the language of its texts.

    Every part has all images and the texts of one language. Images without a text in that language
    stay candidates, but are no queries. The `mean_recall` of a part is the figure that papers
    report as "mR" for each language.

    Args:
        corpus: a corpus whose texts have the attribute "language".

    Returns:
        For each language, in the order of the names, its corpus; and last, under "all", the whole
        corpus.

    Raises:
        ValueError: if texts have no attribute "language", or a language is called "all".

    Reference:
        Kim, Saito, Saenko, Sclaroff and Plummer, *MULE: Multimodal Universal Language Embedding*,
        AAAI 2020 (arXiv 1909.03493), which reports mean recall per language.

    Examples:
        >>> corpus = Corpus(
        ...     np.array([0, 0, 1]),
        ...     texts=["a dog", "ein Hund", "a cat"],
        ...     text_attributes={"language": ["en", "de", "en"]},
        ... )
        >>> {language: part.texts for language, part in by_language(corpus).items()}
        {'de': ['ein Hund'], 'en': ['a dog', 'a cat'], 'all': ['a dog', 'ein Hund', 'a cat']}
    """
    if "language" not in corpus.text_attributes:
        raise ValueError(
            "`corpus` must have the text attribute 'language'. "
            f"Received: {sorted(corpus.text_attributes)}"
        )
    languages = np.asarray(corpus.text_attributes["language"], str)
    names = sorted(set(languages.tolist()))
    if "all" in names:
        raise ValueError("`corpus` must have no language 'all', which names the whole corpus.")
    images = np.arange(corpus.num_images)
    parts = {name: corpus.subset(images, texts=languages == name) for name in names}
    return {**parts, "all": corpus}


def mean_metrics(metrics: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the mean of each figure over several corpora, and the sum of queries and phrases.

    The standard error of a mean follows from those of its parts, whose pictures are distinct.

    Args:
        metrics: dicts of the same figures, one for each corpus, such as the `retrieval_metrics` of
            each fold.

    Raises:
        ValueError: if there is no dict, or their figures differ.

    Examples:
        >>> mean_metrics([{"rsum": 300.0, "i2t_queries": 3}, {"rsum": 310.0, "i2t_queries": 2}])
        {'rsum': 305.0, 'i2t_queries': 5}
    """
    if not metrics or any(set(one) != set(metrics[0]) for one in metrics):
        raise ValueError(
            "`metrics` must be dicts of the same figures, at least one. "
            f"Received: {[sorted(one) for one in metrics]}"
        )
    means = {}
    for name in metrics[0]:
        values = [one[name] for one in metrics]
        counted = name == "phrases" or name.endswith("queries")
        means[name] = int(np.sum(values)) if counted else float(np.mean(values))
        if name.endswith("_error"):
            means[name] = float(np.linalg.norm(values) / len(values))
    return means
