"""The settings of the ranking loss, checked once for the function and the layer."""

from __future__ import annotations

import dataclasses

from tb_keras.checks.arguments import check_int

TERMS = ("image_anchor", "text_anchor", "image_neighborhood", "text_neighborhood")


@dataclasses.dataclass(frozen=True)
class RankingSettings:
    """The settings that `tb_keras.losses.bidirectional_ranking_loss` explains.

    Raises:
        ValueError: if a setting is out of range.
    """

    margin: float
    top_k: int | None
    image_anchor_weight: float
    text_anchor_weight: float
    image_neighborhood_weight: float
    text_neighborhood_weight: float
    positive: str = "hardest"
    block_rows: int | None = None

    def __post_init__(self):
        if not self.margin > 0:
            raise ValueError(f"`margin` must be a positive float. Received: margin={self.margin}")
        check_int("top_k", self.top_k, least=1, optional=True)
        for name in (f"{term}_weight" for term in TERMS):
            weight = getattr(self, name)
            if not weight >= 0:
                raise ValueError(
                    f"`{name}` must be a non-negative float. Received: {name}={weight}"
                )
        if self.positive not in ("hardest", "all"):
            raise ValueError(
                f"`positive` must be 'hardest' or 'all'. Received: positive={self.positive!r}"
            )
        check_int("block_rows", self.block_rows, least=1, optional=True)

    @property
    def weights(self) -> dict[str, float]:
        """Each term's weight, without the terms whose weight is 0."""
        weights = {term: getattr(self, f"{term}_weight") for term in TERMS}
        return {term: weight for term, weight in weights.items() if weight}
