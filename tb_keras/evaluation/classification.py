"""Zero-shot classification: the class of an image, by the names of the classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.cca.unit_rows import unit_rows
from tb_keras.checks.arguments import check_rows
from tb_keras.evaluation.checked_embeddings import checked_rows

TEMPLATES = ("a photo of a {}.",)


def class_embeddings(
    embed_texts: Callable[[Sequence[str]], ArrayLike],
    names: Sequence[str],
    templates: Sequence[str] = TEMPLATES,
) -> np.ndarray:
    """Returns an embedding of each class, the mean over templates.

    Args:
        embed_texts: from strings to embeddings, float `(len(texts), dim)`, such as the
            `embed_texts` of an exported model.
        names: c names of classes, none empty.
        templates: strings with `{}` where the name goes.

    Returns:
        float32 `(c, dim)`, rows of unit length; zeros of a class whose texts embed to zeros.

    Raises:
        ValueError: if there is no name or template, or a template lacks `{}`.

    Reference:
        Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*,
        ICML 2021, for the ensemble of templates.

    Examples:
        >>> lengths = lambda texts: [[float(len(text)), 0.0] for text in texts]
        >>> class_embeddings(lengths, ["dog", "cat"])
        array([[1., 0.],
               [1., 0.]], dtype=float32)
    """
    if not len(names) or not all(names):
        raise ValueError(f"`names` must be strings, none empty. Received: {list(names)}")
    if not len(templates) or not all("{}" in template for template in templates):
        raise ValueError(
            f"`templates` must be strings with {{}} for the name. Received: {list(templates)}"
        )
    texts = [template.replace("{}", name) for name in names for template in templates]
    unit = unit_rows(embed_texts(texts))
    return unit_rows(unit.reshape(len(names), len(templates), -1).mean(axis=1))


def classification_metrics(
    image_embeddings: ArrayLike,
    classes: ArrayLike,
    labels: ArrayLike,
    ks: Sequence[int] = (1, 5),
) -> dict[str, float]:
    """Measures how well dot products with the classes tell the class of each image.

    The rank of an image is 1 plus the number of other classes that score at least as high as its
    own. Ties count against it.

    Args:
        image_embeddings: float `(n, dim)`.
        classes: float `(c, dim)`, such as `class_embeddings` returns.
        labels: int `(n,)`, the class of each image.
        ks: the k of each accuracy@k, positive ints.

    Returns:
        A dict of `accuracy@k`, the share of images with a rank of at most k, and `mean_per_class`,
        the mean over the classes of their accuracy@1, all in percent, and `images`, their number.
        Classes without an image are left out of the mean. Figures without an image are NaN.

    Raises:
        ValueError: if shapes disagree, an embedding is not finite, or a label is out of range.

    Examples:
        >>> figures = classification_metrics(np.eye(3), np.eye(3)[:2], [0, 1, 1], ks=(1, 2))
        >>> round(figures["accuracy@1"], 1), figures["accuracy@2"], figures["mean_per_class"]
        (66.7, 100.0, 75.0)
    """
    images = checked_rows("image_embeddings", image_embeddings)
    classes = checked_rows("classes", classes)
    labels = np.asarray(labels)
    if images.shape[1] != classes.shape[1]:
        raise ValueError(
            "`image_embeddings` and `classes` must have shapes (n, dim) and (c, dim). "
            f"Received: {images.shape} and {classes.shape}"
        )
    if labels.shape != (len(images),) or (len(images) and labels.dtype.kind not in "iu"):
        raise ValueError(
            f"`labels` must be ints of shape {(len(images),)}. "
            f"Received: {labels.dtype} {labels.shape}"
        )
    check_rows("labels", labels, len(classes))
    if not len(images):
        return {**{f"accuracy@{k}": np.nan for k in ks}, "mean_per_class": np.nan, "images": 0}
    scores = images @ classes.T
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    ranks = np.count_nonzero(scores >= own, axis=1)
    found = np.bincount(labels, weights=ranks == 1, minlength=len(classes))
    counts = np.bincount(labels, minlength=len(classes))
    return {
        **{f"accuracy@{k}": float(100 * np.mean(ranks <= k)) for k in ks},
        "mean_per_class": float(100 * np.mean(found[counts > 0] / counts[counts > 0])),
        "images": len(images),
    }
