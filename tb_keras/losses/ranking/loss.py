"""The bi-directional max-margin ranking loss with neighbourhood constraints."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from keras import ops

from tb_keras.corpus.matches import Matches
from tb_keras.losses.batch_arguments import as_mask, pair_masks, static_sizes
from tb_keras.losses.ranking.anchor_blocks import terms_in_blocks
from tb_keras.losses.ranking.distances import pairwise_distances
from tb_keras.losses.ranking.violations import hinge_sums, nearest_negatives


class RankingTerm(NamedTuple):
    """One term of the ranking loss.

    Attributes:
        loss: float32 scalar, the term before its weight.
        violating: float32 scalar, how many of its triplets violate the margin.
        triplets: float32 scalar, how many triplets it looked at (the `top_k` nearest negatives of
            each anchor with each of the anchor's positives).
    """

    loss: object
    violating: object
    triplets: object


def bidirectional_ranking_loss(
    image_embeddings,
    text_embeddings,
    matches,
    *,
    negatives=None,
    text_negatives=None,
    image_negatives=None,
    margin: float = 0.05,
    top_k: int | None = 10,
    image_anchor_weight: float = 1.0,
    text_anchor_weight: float = 1.5,
    image_neighborhood_weight: float = 0.0,
    text_neighborhood_weight: float = 0.05,
    positive: str = "hardest",
    block_rows: int | None = None,
):
    """Bi-directional ranking loss with neighbourhood constraints in both views.

    Every matching image and text must be closer, by a margin, than the image and its nearest
    negative texts, and than the text and its nearest negative images. Within a view, texts of one
    image must be closer than texts of different images, and likewise images of one text. With

    - d(u, v) = sqrt(max(‖u‖² + ‖v‖² − 2u·v, 0) + 1e-4), [t]₊ = max(t, 0), and
    - top-K(S) = the mean of the K largest values of S (of all where it holds fewer, 0 where none),

    the loss is the weighted sum of

    1. image anchors: mean over matching pairs (i, j) of top-K over the negative texts k of i of
       [margin + d(xᵢ, yⱼ) − d(xᵢ, yₖ)]₊
    2. text anchors: mean over matching pairs (i, j) of top-K over the negative images k of j of
       [margin + d(xᵢ, yⱼ) − d(xₖ, yⱼ)]₊
    3. text neighbourhood: mean over texts j that have a match of top-K over the text negatives k of
       j of [margin + max over neighbours l of j, j itself among them, of d(yⱼ, yₗ) − d(yⱼ, yₖ)]₊
    4. image neighbourhood: the same within the images.

    All computation is in float32. Memory grows as n·m + m², whatever `top_k` is; with `block_rows`,
    only that of the bool masks does, a byte a pair.

    Args:
        image_embeddings: float `(n, dim)`, usually of unit length; n and m must be static.
        text_embeddings: float `(m, dim)`.
        matches: bool `(n, m)`, which images and texts belong together; or int `(m,)`, each text's
            image; or a `tb_keras.Matches`.
        negatives: bool `(n, m)`, which pairs are safe negatives. Padding is a row or a column
            without match and negative. If left out: what `matches` does not match or ignore.
        text_negatives: bool `(m, m)`, which texts are each other's negatives. If left out: two
            texts that share no image, each a negative of every image that matches the other.
        image_negatives: bool `(n, n)`, the same for images.
        margin: positive float. With unit-length embeddings distances lie in [0.01, 2]. The authors'
            released code has 0.05.
        top_k: positive int, how many of an anchor's most violating negatives count; None takes
            every one; 1 is the max-violation loss of VSE++ (Faghri et al., BMVC 2018).
        image_anchor_weight: weight of term 1, at least 0.
        text_anchor_weight: weight of term 2, at least 0.
        image_neighborhood_weight: weight of term 4, at least 0. It needs texts that match several
            images of the batch.
        text_neighborhood_weight: weight of term 3, at least 0. It needs images with several texts
            in the batch, as `tb_keras.batching.neighborhood_batches` brings them.
        positive: `"hardest"` compares with the farthest neighbour, as the authors' released code
            does; `"all"` takes the mean over all ordered pairs of distinct neighbours in terms 3
            and 4, as the papers write it.
        block_rows: positive int, how many anchors to look at at a time, for large batches: the same
            loss and gradient, in time that grows as n·m + m². All four masks should be given then:
            to derive those of a view takes the memory of a float32 `(m, m)` and n·m² operations.
            There is no second derivative. None looks at all anchors at once.

    Returns:
        float32 scalar, at least 0.

    Raises:
        ValueError: if an argument has the wrong shape or is out of range. (The values of a tensor
            are not looked at: an image out of range there is none.)

    Reference:
        Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019, section 3.2 (arXiv 1704.03470), and the
        authors' released code for the weights and for `positive="hardest"`.

    Examples:
        >>> import numpy as np
        >>> images = np.eye(2, dtype="float32")
        >>> right = bidirectional_ranking_loss(images, images, np.array([0, 1]))
        >>> wrong = bidirectional_ranking_loss(images, images, np.array([1, 0]))
        >>> float(right), round(float(wrong), 3)
        (0.0, 3.636)
    """
    weights = {
        "image_anchor": image_anchor_weight,
        "text_anchor": text_anchor_weight,
        "image_neighborhood": image_neighborhood_weight,
        "text_neighborhood": text_neighborhood_weight,
    }
    check_ranking_settings(margin, top_k, weights, positive, block_rows)
    terms = ranking_terms(
        image_embeddings,
        text_embeddings,
        matches,
        negatives=negatives,
        text_negatives=text_negatives,
        image_negatives=image_negatives,
        margin=margin,
        top_k=top_k,
        positive=positive,
        names=[name for name, weight in weights.items() if weight],
        block_rows=block_rows,
    )
    return sum((weights[name] * term.loss for name, term in terms.items()), ops.zeros(()))


def ranking_terms(
    image_embeddings,
    text_embeddings,
    matches,
    *,
    negatives,
    text_negatives,
    image_negatives,
    margin,
    top_k,
    positive,
    names,
    block_rows=None,
) -> dict[str, RankingTerm]:
    """Computes the terms called `names`; the other arguments are the public function's."""
    images = ops.cast(image_embeddings, "float32")
    texts = ops.cast(text_embeddings, "float32")
    n, m = static_sizes(images, texts)
    if isinstance(matches, Matches):
        masks = matches.batch_masks(np.arange(matches.num_images), np.arange(matches.num_texts))
        negatives = masks.negatives if negatives is None else negatives
        text_negatives = masks.text_negatives if text_negatives is None else text_negatives
        image_negatives = masks.image_negatives if image_negatives is None else image_negatives
        matches = masks.matches
    matches, negatives = pair_masks(matches, negatives, n, m)

    def view_negatives(view):
        given, name = ((image_negatives, "image_negatives"), (text_negatives, "text_negatives"))[
            view
        ]
        masks = (matches, negatives) if view else map(ops.transpose, (matches, negatives))
        size = matches.shape[view]
        return as_mask(given, size, size, name, otherwise=lambda: _derived_negatives(*masks))

    if block_rows is not None:
        settings = {"margin": margin, "top_k": top_k, "positive": positive, "names": names}
        found = terms_in_blocks(
            (images, texts), matches, negatives, view_negatives, **settings, block_rows=block_rows
        )
        return {name: RankingTerm(*term) for name, term in found.items()}

    def anchors(distances, positives, negatives):
        return _mean_over_pairs(distances, positives, negatives, margin, top_k)

    def neighborhood(embeddings, positives, negatives):
        distances = pairwise_distances(embeddings, embeddings)
        if positive == "hardest":
            return _hardest_neighbor(distances, positives, negatives, margin, top_k)
        itself = ops.eye(positives.shape[0], dtype="bool")
        return anchors(distances, ops.logical_and(positives, ~itself), negatives)

    terms = {}
    if "image_anchor" in names or "text_anchor" in names:
        distances = pairwise_distances(images, texts)
        if "image_anchor" in names:
            terms["image_anchor"] = anchors(distances, matches, negatives)
        if "text_anchor" in names:
            terms["text_anchor"] = anchors(
                ops.transpose(distances), ops.transpose(matches), ops.transpose(negatives)
            )
    if "image_neighborhood" in names:
        neighbors = _neighbors(ops.transpose(matches))
        terms["image_neighborhood"] = neighborhood(images, neighbors, view_negatives(0))
    if "text_neighborhood" in names:
        terms["text_neighborhood"] = neighborhood(texts, _neighbors(matches), view_negatives(1))
    return terms


def check_ranking_settings(
    margin: float,
    top_k: int | None,
    weights: dict[str, float],
    positive: str,
    block_rows: int | None = None,
) -> None:
    """Raises a ValueError for the first setting that is out of range."""
    if not margin > 0:
        raise ValueError(f"`margin` must be a positive float. Received: margin={margin}")
    if top_k is not None and (not isinstance(top_k, (int, np.integer)) or top_k < 1):
        raise ValueError(f"`top_k` must be a positive int or None. Received: top_k={top_k}")
    for name, weight in weights.items():
        if not weight >= 0:
            raise ValueError(
                f"`{name}_weight` must be a non-negative float. Received: {name}_weight={weight}"
            )
    if positive not in ("hardest", "all"):
        raise ValueError(f"`positive` must be 'hardest' or 'all'. Received: positive={positive!r}")
    if block_rows is not None and (not isinstance(block_rows, (int, np.integer)) or block_rows < 1):
        raise ValueError(
            f"`block_rows` must be a positive int or None. Received: block_rows={block_rows}"
        )


def _mean_over_pairs(distances, positives, negatives, margin, top_k) -> RankingTerm:
    """Mean over pairs (anchor, positive) of the top-K violations; anchors are rows."""
    nearest, count = nearest_negatives(distances, negatives, top_k)
    sums, violating = hinge_sums(margin + distances, positives, nearest)
    pairs = ops.sum(ops.cast(positives, "float32"), axis=1)
    loss = ops.sum(sums / ops.maximum(count[:, 0], 1.0)) / ops.maximum(ops.sum(pairs), 1.0)
    return RankingTerm(loss, ops.sum(violating), ops.sum(pairs * count[:, 0]))


def _hardest_neighbor(distances, neighbors, negatives, margin, top_k) -> RankingTerm:
    """Mean over anchors with a match of the top-K violations against the farthest neighbour.

    Anything with a match is its own neighbour, so the diagonal of `neighbors` tells which have one.
    """
    nearest, count = nearest_negatives(distances, negatives, top_k)
    farthest = ops.max(ops.where(neighbors, distances, 0.0), axis=1, keepdims=True)
    hinges = ops.relu(margin + farthest - nearest)
    anchors = ops.cast(ops.any(neighbors, axis=1, keepdims=True), "float32")
    hinges = hinges * anchors
    means = ops.sum(hinges, axis=1, keepdims=True) / ops.maximum(count, 1.0)
    loss = ops.sum(means) / ops.maximum(ops.sum(anchors), 1.0)
    violating = ops.sum(ops.cast(hinges > 0, "float32"))
    return RankingTerm(loss, violating, ops.sum(anchors * count))


def _neighbors(matches):
    """Neighbours within the column view."""

    def by_their_row():
        numbers = ops.arange(1, matches.shape[0] + 1, dtype="int32")[:, None]
        row = ops.max(ops.where(matches, numbers, 0), axis=0)
        return ops.logical_and(row[:, None] == row[None, :], row[:, None] > 0)

    def by_any_row():
        matching = ops.cast(matches, "float32")
        return ops.matmul(ops.transpose(matching), matching) > 0

    # Most corpora have one image a text, and then no matrix product is needed.
    most = ops.max(ops.sum(ops.cast(matches, "int32"), axis=0))
    return ops.cond(most <= 1, by_their_row, by_any_row)


def _derived_negatives(matches, negatives):
    """Negatives within the column view."""
    related = ops.cast(~negatives, "float32")
    meets = ops.matmul(ops.transpose(ops.cast(matches, "float32")), related) > 0
    apart = ~ops.logical_or(meets, ops.transpose(meets))
    return ops.logical_and(apart, ~ops.eye(matches.shape[1], dtype="bool"))
