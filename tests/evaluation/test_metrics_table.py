"""Tests of the table of figures."""

import pytest

from tb_keras.evaluation import (
    MetricsTable,
    localization_metrics,
    retrieval_metrics_from_scores,
)
from tb_keras.evaluation.metrics_table import COLUMNS

RETRIEVAL = [f"{d}_recall@{k}" for d in ("i2t", "t2i") for k in (1, 5, 10)]
RETRIEVAL += ["rsum", "rsum_error"]
LOCALIZATION = ["recall@1", "recall@1_error", "recall@5", "recall@10"]
LOCALIZATION += ["upper_bound", "pointing_game", "mean_iou"]


def cells(line):
    return [cell.strip() for cell in line.split("|")[1:-1]]


@pytest.mark.parametrize(
    ("task", "names", "first"),
    [
        ("retrieval", RETRIEVAL, retrieval_metrics_from_scores([[1.0, 0.0], [1.0, 0.0]], [0, 1])),
        (
            "localization",
            LOCALIZATION,
            {
                **localization_metrics([[1]], [[[0, 0, 9, 9]]], [[0, 0, 9, 9]]),
                "recall@1_error": 1.0,
            },
        ),
    ],
)
def test_every_line_has_the_figures_under_their_titles(task, names, first):
    second = {name: 7.0 * number for number, name in enumerate(first)}
    rows = {"a long name - with | signs": first, "b": second}
    lines = str(MetricsTable(rows, task)).splitlines()
    assert len(lines) == 4
    assert len(set(map(len, lines))) == 1
    assert set(lines[1]) == {"|", "-"}
    assert cells(lines[0]) == ["", *COLUMNS[task].values()]
    written = [f"{second[name]:.{3 if name == 'mean_iou' else 1}f}" for name in names]
    assert cells(lines[3]) == ["b", *written]


def test_columns_of_retrieval_unless_others_are_named():
    rows = {"mine": retrieval_metrics_from_scores([[1.0]], [0])}
    assert str(MetricsTable(rows)) == str(MetricsTable(rows, COLUMNS["retrieval"]))
    assert cells(str(MetricsTable(rows, {"rsum": "sum"})).splitlines()[2]) == ["mine", "600.0"]


def test_columns_of_no_known_kind():
    with pytest.raises(ValueError, match=r"`columns` must be one of retrieval, .*'captions'"):
        MetricsTable({}, "captions")


def test_a_title_stands_above():
    table = MetricsTable({"mine": {"rsum": 1.0}}, title="Figures")
    assert str(table).splitlines()[:2] == ["Figures", ""]
    assert table._repr_markdown_() == str(table)


def test_figures_that_are_not_known():
    nothing = localization_metrics([[1.0]], [[[0, 0, 9, 9]]], [[float("nan")] * 4])
    (*_, line) = str(MetricsTable({"no phrase": nothing}, "localization")).splitlines()
    assert cells(line) == ["no phrase", *["nan"] * 6]


def test_figures_that_are_not_there():
    """A cell is empty; a column of empty cells is left out."""
    table = MetricsTable({"one": {"recall@1": 2.0}, "two": {"recall@5": 3.0}}, "localization")
    head, _, *lines = map(cells, str(table).splitlines())
    assert head == ["", "R@1", "R@5"]
    assert lines == [["one", "2.0", ""], ["two", "", "3.0"]]
