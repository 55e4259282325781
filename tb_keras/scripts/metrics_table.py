"""Figures of retrieval or localization as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping

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
}


def metrics_table(
    rows: Mapping[str, Mapping[str, float]], columns: Mapping[str, str] = COLUMNS["retrieval"]
) -> str:
    """Returns one line for each named result of `retrieval_metrics` or `localization_metrics`.

    Args:
        rows: the results by name.
        columns: figures to show, and their titles.

    Example:

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
            [name, *(_written(column, row[column]) for column in columns)]
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


def _written(figure: str, value: float) -> str:
    return f"{value:.3f}" if figure == "mean_iou" else f"{value:.1f}"
