"""The bi-directional max-margin ranking loss with neighbourhood constraints."""

from __future__ import annotations

from keras import ops

from tb_keras.losses.ranking.settings import RankingSettings
from tb_keras.losses.ranking.terms import ranking_terms


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
    """Computes the bi-directional ranking loss with neighbourhood constraints in both views.

    A matching image and text must be closer, by a margin, than the image and its nearest negative
    texts, and closer than the text and its nearest negative images. Within a view, the texts of one
    image must be closer than texts of different images, and likewise the images of one text. With

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

    All computation is in float32. Memory grows as n·m + m², whatever `top_k` is. With `block_rows`
    only the memory of the bool masks does, one byte for each pair.

    Args:
        image_embeddings: float `(n, dim)`, usually of unit length. n and m must be static.
        text_embeddings: float `(m, dim)`.
        matches: bool `(n, m)`, which images and texts belong together; or int `(m,)`, each text's
            image; or a `tb_keras.Matches`.
        negatives: bool `(n, m)`, which pairs are safe negatives. If None, every pair is one that
            `matches` neither matches nor ignores.
        text_negatives: bool `(m, m)`, which texts are each other's negatives. If None, two texts
            are if they share no image and each is a negative of every image that matches the other.
        image_negatives: bool `(n, n)`, the same for images.
        margin: positive float. Distances between embeddings of unit length lie in [0.01, 2]. The
            authors' released code has 0.05.
        top_k: positive int, how many of an anchor's nearest negatives count, or None for all. 1
            gives the max-violation loss of VSE++ (Faghri et al., BMVC 2018).
        image_anchor_weight: weight of term 1, at least 0.
        text_anchor_weight: weight of term 2, at least 0.
        image_neighborhood_weight: weight of term 4, at least 0.
        text_neighborhood_weight: weight of term 3, at least 0.
        positive: `"hardest"` compares with the farthest neighbour in terms 3 and 4, as the authors'
            released code does. `"all"` takes the mean over all ordered pairs of distinct
            neighbours, as the papers write it.
        block_rows: positive int, how many anchors to take at a time, for large batches, or None for
            all. The loss and its gradient are the same, but have no second derivative. Time grows
            as n·m + m². Give all masks then: a mask that is left out takes the memory of a float32
            `(m, m)` and n·m² operations.

    Returns:
        float32 scalar, at least 0.

    Raises:
        ValueError: if an argument has the wrong shape or is out of range. The values of a tensor
            are not checked: a text whose image is out of range has no match.

    Requirements:
        Padding is a row or a column without match and negative. The text neighbourhood needs images
        with several texts in the batch, as `tb_keras.batching.neighborhood_batches` gives them. The
        image neighbourhood needs texts that match several images of the batch.

    Relations:
        `info_nce_loss` weighs all negatives of an anchor by a softmax, and has no margin.
        `pairwise_sigmoid_loss` judges each pair by itself. Neither constrains neighbours.

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
    settings = RankingSettings(
        margin,
        top_k,
        image_anchor_weight,
        text_anchor_weight,
        image_neighborhood_weight,
        text_neighborhood_weight,
        positive,
        block_rows,
    )
    masks = (negatives, text_negatives, image_negatives)
    terms = ranking_terms(image_embeddings, text_embeddings, matches, *masks, settings)
    return sum((settings.weights[name] * term.loss for name, term in terms.items()), ops.zeros(()))
