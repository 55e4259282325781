"""The bi-directional ranking loss with the text neighbourhood, written plainly in PyTorch."""

from __future__ import annotations

import torch


def ranking_loss(
    images: torch.Tensor,
    texts: torch.Tensor,
    matches: torch.Tensor,
    negatives: torch.Tensor,
    text_negatives: torch.Tensor,
    margin: float = 0.05,
    top_k: int = 10,
    image_anchor_weight: float = 1.0,
    text_anchor_weight: float = 1.5,
    text_neighborhood_weight: float = 0.05,
) -> torch.Tensor:
    """The same value and gradient as `tb_keras.losses.bidirectional_ranking_loss`.

    The pairs that match are taken out by their indices, as is easy where shapes may change from
    batch to batch, so that each anchor's nearest negatives are looked for once.

    Args:
        images: float32 `(n, dim)`.
        texts: float32 `(m, dim)`.
        matches: bool `(n, m)`.
        negatives: bool `(n, m)`.
        text_negatives: bool `(m, m)`.
        margin: positive float.
        top_k: how many of an anchor's most violating negatives count.
        image_anchor_weight: weight of the term of image anchors.
        text_anchor_weight: weight of the term of text anchors.
        text_neighborhood_weight: weight of the term within the texts, 0 to leave it out.

    Returns:
        float32 scalar.
    """
    distances = _distances(images, texts)
    loss = image_anchor_weight * _of_pairs(distances, matches, negatives, margin, top_k)
    loss = loss + text_anchor_weight * _of_pairs(distances.T, matches.T, negatives.T, margin, top_k)
    if not text_neighborhood_weight:
        return loss
    distances = _distances(texts, texts)
    neighbors = matches.float().T @ matches.float() > 0
    farthest = distances.masked_fill(~neighbors, 0.0).amax(1)
    anchor = neighbors.any(1)
    within = _violations(farthest, distances, text_negatives, margin, top_k)[anchor]
    return loss + text_neighborhood_weight * within.sum() / max(len(within), 1)


def _distances(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    squared = (left * left).sum(1)[:, None] + (right * right).sum(1) - 2.0 * left @ right.T
    return torch.sqrt(squared.clamp(min=0.0) + 1e-4)


def _of_pairs(
    distances: torch.Tensor,
    matches: torch.Tensor,
    negatives: torch.Tensor,
    margin: float,
    top_k: int,
) -> torch.Tensor:
    anchor, positive = matches.nonzero(as_tuple=True)
    found = _violations(distances[anchor, positive], distances, negatives, margin, top_k, anchor)
    return found.sum() / max(len(found), 1)


def _violations(
    positive: torch.Tensor,
    distances: torch.Tensor,
    negatives: torch.Tensor,
    margin: float,
    top_k: int,
    anchor: torch.Tensor | None = None,
) -> torch.Tensor:
    """For each positive distance the mean of its anchor's top-K hinges; anchors are rows."""
    k = min(top_k, distances.shape[1])
    far = distances.masked_fill(~negatives, 1e9)
    nearest = far.topk(k, dim=1, largest=False).values
    count = negatives.sum(1).clamp(1, k)
    if anchor is not None:
        nearest, count = nearest[anchor], count[anchor]
    return (margin + positive[:, None] - nearest).clamp(min=0.0).sum(1) / count
