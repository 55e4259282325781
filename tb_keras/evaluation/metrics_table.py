"""Figures of retrieval or localization as a Markdown table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tabulate import tabulate

COLUMNS = {
    "retrieval": {
        "i2t_recall@1": "i2t R@1",
        "i2t_recall@5": "R@5",
        "i2t_recall@10": "R@10",
        "t2i_recall@1": "t2i R@1",
        "t2i_recall@5": "R@5",
        "t2i_recall@10": "R@10",
        "rsum": "rsum",
        "rsum_error": "±",
    },
    "localization": {
        "recall@1": "R@1",
        "recall@1_error": "±",
        "recall@5": "R@5",
        "recall@10": "R@10",
        "upper_bound": "upper bound",
        "pointing_game": "pointing",
        "mean_iou": "mean IoU",
    },
    "ranked_precision": {
        "i2t_map@r": "i2t mAP@R",
        "i2t_r_precision": "R-P",
        "i2t_ndcg@10": "nDCG@10",
        "i2t_recall@1": "R@1",
        "t2i_map@r": "t2i mAP@R",
        "t2i_r_precision": "R-P",
        "t2i_ndcg@10": "nDCG@10",
        "t2i_recall@1": "R@1",
    },
}


@dataclasses.dataclass(frozen=True)
class MetricsTable:
    """A Markdown table with a row for each result; a notebook shows it as a table.

    A cell is empty where a result lacks the figure, and a column that all lack is left out. ± is
    the standard error over the pictures, of rsum or, to localize phrases, of R@1.

    Args:
        rows: the results of `tb_keras.evaluation`, by name.
        columns: which figures to show: "retrieval", "localization", "ranked_precision" (for data
            sets with more than one match a query), or a mapping from figures to their headings.
        title: a line above the table, without a full stop; none if empty.

    Raises:
        ValueError: if `columns` is another string.

    Examples:
        >>> from tb_keras.evaluation import retrieval_metrics_from_scores
        >>> print(MetricsTable({"mine": retrieval_metrics_from_scores([[1.0]], [0])}))
        |      |   i2t R@1 |   R@5 |   R@10 |   t2i R@1 |   R@5 |   R@10 |   rsum |   ± |
        |------|-----------|-------|--------|-----------|-------|--------|--------|-----|
        | mine |     100.0 | 100.0 |  100.0 |     100.0 | 100.0 |  100.0 |  600.0 | 0.0 |
    """

    rows: dict[str, dict[str, float]]
    columns: str | Mapping[str, str] = "retrieval"
    title: str = ""

    def __post_init__(self):
        if isinstance(self.columns, str) and self.columns not in COLUMNS:
            raise ValueError(
                f"`columns` must be one of {', '.join(COLUMNS)}, or a mapping. "
                f"Received: columns={self.columns!r}"
            )

    def __str__(self) -> str:
        known = COLUMNS[self.columns] if isinstance(self.columns, str) else self.columns
        columns = {f: known[f] for f in known if any(f in row for row in self.rows.values())}
        cells = [
            [name, *(_written(f, row.get(f)) for f in columns)] for name, row in self.rows.items()
        ]
        table = tabulate(
            cells,
            ["", *columns.values()],
            tablefmt="github",
            disable_numparse=True,
            colalign=["left", *["right"] * len(columns)],
        )
        return f"{self.title}\n\n{table}" if self.title else table

    def _repr_markdown_(self) -> str:
        return str(self)


def _written(figure: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if figure == "mean_iou" else f"{value:.1f}"
