"""Figures of retrieval or localization as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

# By task; and "ranked_precision" for data sets whose matches are known more fully.
COLUMNS = {
    "retrieval": {
        "i2t_recall@1": "i2t R@1",
        "i2t_recall@5": "R@5",
        "i2t_recall@10": "R@10",
        "t2i_recall@1": "t2i R@1",
        "t2i_recall@5": "R@5",
        "t2i_recall@10": "R@10",
        "rsum": "rsum",
    },
    "localization": {
        "recall@1": "R@1",
        "recall@5": "R@5",
        "recall@10": "R@10",
        "upper_bound": "upper bound",
        "pointing_game": "pointing",
        "mean_iou": "mean IoU",
    },
    "ranked_precision": {
        "i2t_map@r": "i2t mAP@R",
        "i2t_r_precision": "R-P",
        "i2t_recall@1": "R@1",
        "t2i_map@r": "t2i mAP@R",
        "t2i_r_precision": "R-P",
        "t2i_recall@1": "R@1",
    },
}


class MetricsTable(NamedTuple):
    """Figures under a title.

    Attributes:
        title: one line, without a full stop.
        rows: the results by name.
        columns: figures to show, and their titles.
    """

    title: str
    rows: Mapping[str, Mapping[str, float]]
    columns: Mapping[str, str] = COLUMNS["retrieval"]

    def __str__(self) -> str:
        return f"{self.title}\n\n{metrics_table(self.rows, self.columns)}"


def metrics_table(
    rows: Mapping[str, Mapping[str, float]], columns: Mapping[str, str] = COLUMNS["retrieval"]
) -> str:
    """Returns a line for each named result of `tb_keras.evaluation`, blank where a figure is not.

    Args:
        rows: the results by name.
        columns: figures to show, and their titles.

    Examples:
        >>> from tb_keras.evaluation import retrieval_metrics_from_scores
        >>> print(metrics_table({"mine": retrieval_metrics_from_scores([[1.0]], [0])}))
        |      | i2t R@1 |   R@5 |  R@10 | t2i R@1 |   R@5 |  R@10 |  rsum |
        |------|---------|-------|-------|---------|-------|-------|-------|
        | mine |   100.0 | 100.0 | 100.0 |   100.0 | 100.0 | 100.0 | 600.0 |
    """
    first = max(map(len, rows))
    widths = [max(5, len(title)) for title in columns.values()]
    lines = [
        ["", *columns.values()],
        ["-" * first, *("-" * width for width in widths)],
        *(
            [name, *(_written(column, row.get(column)) for column in columns)]
            for name, row in rows.items()
        ),
    ]
    return (
        "\n".join(
            "| "
            + " | ".join(
                [cells[0].ljust(first), *(cell.rjust(w) for cell, w in zip(cells[1:], widths))]
            )
            + " |"
            for cells in lines
        )
        .replace("| -", "|--")
        .replace("- |", "--|")
    )


def _written(figure: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if figure == "mean_iou" else f"{value:.1f}"
