"""Tests of the table of figures."""

from tb_keras.evaluation import retrieval_metrics_from_scores
from tb_keras.scripts.metrics_table import metrics_table


def test_every_line_has_the_figures_under_their_titles():
    first = retrieval_metrics_from_scores([[1.0, 0.0], [1.0, 0.0]], [0, 1])
    second = {name: 7.0 * number for number, name in enumerate(first)}
    lines = metrics_table({"a long name - with | signs": first, "b": second}).splitlines()
    assert len(lines) == 4
    assert len(set(map(len, lines))) == 1
    assert set(lines[1]) == {"|", "-"}
    cells = [cell.strip() for cell in lines[3].split("|")[1:-1]]
    names = [f"{d}_recall@{k}" for d in ("i2t", "t2i") for k in (1, 5, 10)]
    assert cells == ["b", *(f"{second[name]:.1f}" for name in [*names, "rsum"])]
