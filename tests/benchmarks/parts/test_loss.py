"""Tests of the part of the benchmark on the loss alone."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.loss_methods import (
    ALL_AT_ONCE,
    BLOCKS,
    BOTH_WAYS,
    HARD_TRIPLETS,
    MARGIN,
    MAX_VIOLATION,
    ONE_WAY,
    TRIPLETS,
    VSE,
    installed,
    losses,
)
from benchmarks.peers.parts import loss
from tests.benchmarks.table_cells import unpadded
from tests.losses.ranking import oracle

IMAGES, DIM = 5, 3
OF_TEXT = np.arange(2 * IMAGES) // 2


def embeddings():
    rng = np.random.default_rng(0)
    rows = [rng.standard_normal((count, DIM), "float32") for count in (IMAGES, 2 * IMAGES)]
    return [part / np.linalg.norm(part, axis=1, keepdims=True) for part in rows]


def found(name):
    pytest.importorskip("torch", reason="the peers run on it")
    if name not in installed()[0]:
        pytest.skip(f"{name} is not installed")
    return losses([name], IMAGES, DIM, 4)[name]()


def test_own_losses_are_those_of_the_formulas():
    calls = losses([BLOCKS, ALL_AT_ONCE], IMAGES, DIM, 4)
    images, texts = embeddings()
    masks = oracle.relation(np.arange(IMAGES)[:, None] == OF_TEXT)
    weights = {"image_anchor": 1.0, "text_anchor": 1.5, "text_neighborhood": 0.05}
    weights["image_neighborhood"] = 0.0
    chosen = {"margin": MARGIN, "top_k": 10, "positive": "hardest"}
    expected = oracle.loss(images, texts, masks, weights, **chosen)
    for call in calls.values():
        value, of_images, of_texts = call()
        assert value == pytest.approx(expected, rel=1e-4)
        assert (of_images.shape, of_texts.shape) == ((IMAGES, DIM), (2 * IMAGES, DIM))


def test_max_violation_takes_the_hardest_negative_of_each_pair():
    value, *gradients = found(VSE)
    images, texts = embeddings()
    scores, expected = images @ texts.T, 0.0
    for text, image in enumerate(OF_TEXT):
        own = scores[image, text]
        hard_text = max(scores[image, other] for other in range(10) if OF_TEXT[other] != image)
        hard_image = max(scores[other, text] for other in range(IMAGES) if other != image)
        expected += max(MARGIN + hard_text - own, 0) + max(MARGIN + hard_image - own, 0)
    assert value == pytest.approx(expected / 10, rel=1e-4)
    assert all(np.abs(part).max() > 0 for part in gradients)


def triplet_loss(hardest):
    images, texts = embeddings()
    sides, total = [(images, np.arange(IMAGES)), (texts, OF_TEXT)], 0.0
    for view in (0, 1):
        (rows, labels), (others, other_labels) = sides[view], sides[1 - view]
        distances = np.linalg.norm(rows[:, None] - others, axis=2)
        hinges = []
        for row, label in enumerate(labels):
            near, far = (
                distances[row][same] for same in (other_labels == label, other_labels != label)
            )
            if hardest:
                near, far = near.max(keepdims=True), far.min(keepdims=True)
            hinges += [max(MARGIN + one - other, 0) for one in near for other in far]
        total += np.mean([hinge for hinge in hinges if hinge > 0])
    return total


@pytest.mark.parametrize(("name", "hardest"), [(TRIPLETS, False), (HARD_TRIPLETS, True)])
def test_triplets_are_those_of_both_directions(name, hardest):
    assert found(name)[0] == pytest.approx(triplet_loss(hardest), rel=1e-3)


@pytest.mark.parametrize("name", [ONE_WAY, BOTH_WAYS])
def test_the_softmax_is_over_pairs(name):
    images, texts = embeddings()
    scores = 20 * images[OF_TEXT] @ texts.T
    ways = [np.log(np.exp(scores).sum(axis=axis)) for axis in (1, 0)][: 1 if name == ONE_WAY else 2]
    expected = np.mean(np.mean(ways, axis=0) - np.diag(scores))
    assert found(name)[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is read from /proc")
def test_it_runs_small(tmp_path):
    file = tmp_path / "loss.json"
    figures = json.loads(json.dumps(loss.measure(file, 2, **loss.SMALL)))
    names, missing = installed()
    assert figures["missing"] == missing
    assert [size["images"] for size in figures["sizes"]] == [6]
    for size in figures["sizes"]:
        assert list(size["memory"]) == list(size["seconds"]) == names
        assert all(len(seconds) == 2 for seconds in size["seconds"].values())
    assert list(tmp_path.iterdir()) == []
    page = unpadded(loss.section(figures))
    assert page.startswith("## The loss alone\n")
    for name in names:
        assert page.count(f"| {name} |") == 2 + len(figures["sizes"])  # memory, a pair, each size
    assert "| | 6 × 12 |" in page


def measured(seconds, memory):
    return {"images": 10, "seconds": seconds, "memory": memory}


def test_where_another_loss_is_better_is_said():
    sizes = [
        measured({BLOCKS: [2.0, 2.0], VSE: [3.0, 3.0], MAX_VIOLATION: [4.0, 4.0]}, {}),
        measured({BLOCKS: [2.0, 2.0], ONE_WAY: [4.0, 3.0]}, {}),
    ]
    sizes[0]["memory"] = {BLOCKS: 5.0, VSE: 6.0, MAX_VIOLATION: 5.5, TRIPLETS: None}
    sizes[1]["memory"] = {BLOCKS: 5.0, ONE_WAY: 4.0}
    figures = {"sizes": sizes, "limit_gib": 16, "dim": 3, "block_rows": 2, "missing": ["torch"]}
    slower, larger = loss.losing(figures)
    assert f"{MAX_VIOLATION} takes 1.33 times the time of {VSE}" in slower
    assert "takes 5 MiB, MultipleNegativesRankingLoss 4 MiB" in larger
    page = unpadded(loss.section({**figures, "sizes": sizes[:1]}))
    assert "torch not installed" in page
    assert f"| {TRIPLETS} | more than 16 GiB |" in page
    sizes[1]["images"] = 5
    assert loss.losing(figures)[-1].startswith("Time grows faster than n·m: 10000000 ns a pair at")
