"""Tests of the benchmark of the evaluation: the methods agree, the page follows from figures."""

import importlib.util
import json

import numpy as np
import pytest

from benchmarks.peers.parts import evaluation
from benchmarks.peers.parts.evaluation import ARGSORT, BARE, KS, OURS, TOP_K
from tests.benchmarks.table_cells import unpadded

FIGURES = {
    "dim": 512,
    "sizes": [
        {
            "images": 25000,
            "sampled": 200,
            "seconds": {
                OURS: [1.2, 1.4],
                BARE: [1.0, 1.0],
                ARGSORT: [40.0, 60.0],
                TOP_K: [2.6, 2.6],
            },
            "memory": {OURS: 300.0, BARE: 64.0, ARGSORT: 1.0, TOP_K: 70.0},
        }
    ],
}


def test_all_methods_give_the_same_recalls():
    """Of more rows than a byte counts, and of more columns than its sums of words hold."""
    methods = evaluation.methods(images=450, sampled=450, dim=32)
    assert methods[BARE]() == {}
    ours, sorted_out = methods[OURS](), methods[ARGSORT]()
    assert set(sorted_out) == {f"{way}_recall@{k}" for way in ("i2t", "t2i") for k in KS}
    assert {name: ours[name] for name in sorted_out} == pytest.approx(sorted_out)
    assert 5 < ours["t2i_recall@1"] < 95
    if TOP_K in methods:
        assert methods[TOP_K]() == pytest.approx(sorted_out)


def test_the_sample_is_of_the_first_queries_against_all_candidates():
    few = evaluation.methods(images=80, sampled=1, dim=8)[ARGSORT]()
    assert set(few.values()) <= {0.0, 20.0, 40.0, 60.0, 80.0, 100.0}
    every = evaluation.methods(images=80, sampled=80, dim=32)
    assert every[ARGSORT]()["t2i_recall@1"] < 95  # among 80 candidates, not the sampled one alone
    if TOP_K in every:
        assert evaluation.methods(80, 1, 8)[TOP_K]() == pytest.approx(few)


def test_the_bare_product_is_the_whole_product(monkeypatch):
    monkeypatch.setattr(evaluation, "_BLOCK", (7, 11))
    products, matmul = [], np.matmul

    def kept(left, right, out):
        products.append(matmul(left, right, out=out).copy())
        return out

    methods = evaluation.methods(images=9, sampled=1, dim=3)
    monkeypatch.setattr(evaluation.np, "matmul", kept)
    methods[BARE]()
    assert sum(block.size for block in products) == 9 * 45
    assert [block.shape for block in products[:5]] == [(7, 11)] * 4 + [(7, 1)]


def test_it_runs_small(monkeypatch, tmp_path, capsys):
    # A process of its own for each memory takes seconds to start.
    monkeypatch.setattr(evaluation, "in_process", lambda function, *arguments: function(*arguments))
    file = tmp_path / "evaluation.json"
    figures = evaluation.measure(file, 2, **evaluation.SMALL)
    assert json.loads(json.dumps(figures)) == figures
    names = {OURS, BARE, ARGSORT} | ({TOP_K} if importlib.util.find_spec("torch") else set())
    (size,) = figures["sizes"]
    assert set(size["seconds"]) == set(size["memory"]) == names
    assert all(len(taken) == 2 and min(taken) > 0 for taken in size["seconds"].values())
    page = unpadded(evaluation.section(figures))
    assert page.startswith("## Evaluation\n")
    assert "### 300 images × 1,500 texts" in page
    assert "5 times what was measured" in page
    assert ("torch is not installed" in page) == (TOP_K not in names)
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_is_measured_is_not_measured_again(monkeypatch, tmp_path):
    asked = []

    def measured(images, *settings):
        asked.append(images)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return {"images": images, "settings": list(settings)}

    monkeypatch.setattr(evaluation, "_measured", measured)
    arguments = tmp_path / "evaluation.json", 2, [[30, 6], [40, 8]], 64
    with pytest.raises(KeyboardInterrupt):
        evaluation.measure(*arguments)
    figures = evaluation.measure(*arguments)
    assert asked == [30, 40, 40]
    assert figures["sizes"] == [
        {"images": 30, "settings": [6, 64, 2]},
        {"images": 40, "settings": [8, 64, 2]},
    ]
    assert list(tmp_path.iterdir()) == []


def test_the_page_follows_from_the_figures():
    page = unpadded(evaluation.section(FIGURES))
    assert f"| {OURS} | 1.3 | 1.30 | 1.20 to 1.40 |" in page
    assert f"| {ARGSORT} | 50 | 50.00 | 40.00 to 60.00 |" in page
    assert "125 times what was measured" in page
    assert f"{OURS} 300 MiB" in page
    assert "not installed" not in page


def test_what_is_lost():
    assert evaluation.losing(FIGURES) == []
    size = FIGURES["sizes"][0]
    slow = {**size, "seconds": {**size["seconds"], OURS: [3.0, 3.4]}}
    assert evaluation.losing({**FIGURES, "sizes": [size, slow]}) == [
        "At 25,000 × 125,000, retrieval_metrics takes 3.20 times the bare product; "
        "the goal was 1.5.",
        "At 25,000 × 125,000, retrieval_metrics takes 1.23 times the seconds of torch.topk.",
    ]
    large = {**size, "memory": {**size["memory"], OURS: 1500.0}}
    assert evaluation.losing({**FIGURES, "sizes": [large]}) == [
        "At 25,000 × 125,000, retrieval_metrics takes 1500 MiB; the goal was less than 1024."
    ]
