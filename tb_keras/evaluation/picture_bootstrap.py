"""Standard errors of figures over the pictures, by a paired bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

_DRAWS = 1000


class Difference(NamedTuple):
    """A difference of two figures in percent, such as rsum.

    Attributes:
        difference: float, the first figure less the second.
        error: float, its standard error over pictures.
        low: float, where its 95% interval begins.
        high: float, where it ends.
    """

    difference: float
    error: float
    low: float
    high: float


def figure_of_hits(hits: ArrayLike, weights: ArrayLike | None = None) -> np.ndarray:
    """Returns the figure that hits add up to, where each picture counts as often as its weight.

    Args:
        hits: float `(n, 2 d)`, for each picture d times the number of queries and of their hits,
            such as `retrieval_hits` returns.
        weights: float `(..., n)`; 1 for each if None.

    Returns:
        float64 `(...)`, the sum of the d shares of hits, in percent; NaN without queries.

    Examples:
        >>> figure_of_hits([[1, 1], [1, 0]]), figure_of_hits([[1, 1], [1, 0]], [3, 1])
        (np.float64(50.0), np.float64(75.0))
    """
    hits = np.asarray(hits, float)
    sums = (np.ones(len(hits)) if weights is None else np.asarray(weights)) @ hits
    with np.errstate(invalid="ignore"):
        return 100 * np.sum(sums[..., 1::2] / sums[..., ::2], axis=-1)


def paired_difference(one: Sequence[ArrayLike], other: Sequence[ArrayLike]) -> Difference:
    """Returns the difference of two figures, and how far it depends on the pictures.

    The pictures are drawn anew from themselves 1,000 times, with their texts and for both alike.
    Candidates and networks stay the same, so the error does not cover other trainings.

    Args:
        one: the hits of each seed, float `(n, 2 d)`, see `figure_of_hits`; seeds are averaged.
        other: the same of what is compared with it, for the same pictures.

    Raises:
        ValueError: if the shapes differ.

    Reference:
        Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993.

    Examples:
        >>> hits = np.array([[1, 1], [1, 0], [1, 1]])
        >>> paired_difference([hits], [hits, hits])
        Difference(difference=0.0, error=0.0, low=0.0, high=0.0)
    """
    shapes = {np.shape(hits) for hits in (*one, *other)}
    if len(shapes) != 1:
        raise ValueError(f"`one` and `other` must have hits of one shape. Received: {shapes}")
    both = np.concatenate([np.mean(np.array(hits), axis=0) for hits in (one, other)], axis=1)
    if not len(both):
        return Difference(np.nan, np.nan, np.nan, np.nan)
    # Pictures of the same hits are drawn together: how many of them follows a multinomial, too.
    both, counts = np.unique(both, axis=0, return_counts=True)
    rng = np.random.default_rng(0)
    draws = rng.multinomial(counts.sum(), counts / counts.sum(), size=_DRAWS)
    middle = both.shape[1] // 2

    def difference(weights: np.ndarray) -> np.ndarray:
        first, second = both[:, :middle], both[:, middle:]
        return figure_of_hits(first, weights) - figure_of_hits(second, weights)

    drawn = difference(draws)
    drawn = drawn[np.isfinite(drawn)]  # a draw without a query has no figure
    if len(drawn) < 2:
        return Difference(float(difference(counts)), np.nan, np.nan, np.nan)
    low, high = np.quantile(drawn, [0.025, 0.975])
    error = float(np.std(drawn, ddof=1))
    return Difference(float(difference(counts)), error, float(low), float(high))


def figure_error(hits: ArrayLike) -> float:
    """Returns the standard error of a figure over other pictures to ask for, in percent.

    Args:
        hits: as in `figure_of_hits`.

    Examples:
        >>> round(figure_error([[1, 1], [1, 0]] * 50), 1)  # of 100 pictures, half of them found
        5.1
    """
    hits = np.asarray(hits)
    nothing = hits * (np.arange(hits.shape[1]) % 2 == 0)
    return paired_difference([hits], [nothing]).error
