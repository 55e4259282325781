"""Tests of the benchmark of the input pipeline: the same batches, and the page from figures."""

import importlib.util
import json

import numpy as np
import pytest

from benchmarks.peers.parts import input_pipeline
from benchmarks.peers.parts.input_pipeline import OURS, pipelines, write_features
from tb_keras.corpus.matches import Matches
from tests.benchmarks.table_cells import unpadded

BATCH, ITEM = "DataLoader by the batch, 0 workers", "DataLoader item by item, 0 workers"
FIGURES = {
    "features": {"image": [10_000, 4096], "text": [30_000, 6000]},
    "images_per_batch": 500,
    "batches": {OURS: 60, BATCH: 60, ITEM: 20},
    "seconds": {OURS: [0.04, 0.05], BATCH: [0.08, 0.08], ITEM: [0.16, 0.18]},
}
IMAGE_OF = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 4, 4])


@pytest.fixture(autouse=True)
def without_workers(monkeypatch):
    """Each worker takes seconds to start."""
    monkeypatch.setattr(input_pipeline, "_WORKERS", (0,))


@pytest.fixture
def files(tmp_path):
    files = {name: tmp_path / f"{name}.npy" for name in ("image", "text")}
    write_features(files["image"], (5, 4), seed=0)
    write_features(files["text"], (len(IMAGE_OF), 6), seed=1)
    return files


def test_features_are_written_in_blocks(tmp_path, monkeypatch):
    write_features(tmp_path / "whole.npy", (7, 3), seed=5)
    monkeypatch.setattr(input_pipeline, "_ROWS", 2)
    write_features(tmp_path / "blocks.npy", (7, 3), seed=5)
    whole, blocks = (np.load(tmp_path / f"{name}.npy") for name in ("whole", "blocks"))
    assert whole.dtype == np.float16
    assert len(np.unique(whole)) > 15
    np.testing.assert_array_equal(whole, blocks)


def test_ours_gives_batches_in_float32_with_masks(files):
    (batch, *_) = pipelines(files, Matches.of(IMAGE_OF), images_per_batch=2)[OURS]
    assert batch["image"].shape == (2, 4)
    assert batch["text"].shape == (4, 6)
    assert batch["image"].dtype == batch["text"].dtype == "float32"
    assert batch["matches"].shape == (2, 4)


def test_the_loader_by_the_batch_gives_the_same_batches(files):
    """Two epochs, padding (image 3 has one text) and masks included."""
    pytest.importorskip("torch")
    found = pipelines(files, Matches.of(IMAGE_OF), images_per_batch=2)
    for _ in range(2):
        ours, loaded = list(found[OURS]), list(found[BATCH])
        assert len(ours) == len(loaded) == 6
        for left, right in zip(ours, loaded):
            assert set(left) == set(right)
            for name in left:
                np.testing.assert_array_equal(left[name].numpy(), right[name].numpy(), name)
                assert left[name].numpy().dtype == right[name].numpy().dtype


def test_the_loader_of_items_gives_each_image_once_with_texts_of_its_own(files):
    pytest.importorskip("torch")
    write_features(files["text"], (10, 6), seed=1)
    images, texts = (np.load(file).astype(np.float32) for file in files.values())
    enough = np.repeat(np.arange(5), 2)  # two texts each: default collation wants equal shapes
    batches = list(pipelines(files, Matches.of(enough), images_per_batch=2)[ITEM])
    assert [batch["image"].shape for batch in batches] == [(2, 4)] * 2  # the fifth is dropped
    seen = set()
    for batch in batches:
        assert batch["text"].shape == (2, 2, 6)
        for image, own in zip(batch["image"].numpy(), batch["text"].numpy()):
            number = int((images == image).all(axis=1).argmax())
            seen.add(number)
            expected = texts[2 * number : 2 * number + 2]
            assert {row.tobytes() for row in own} == {row.tobytes() for row in expected}
    assert len(seen) == 4


def test_it_runs_small(tmp_path):
    figures = input_pipeline.measure(tmp_path / "x.json", 2, **input_pipeline.SMALL)
    assert json.loads(json.dumps(figures)) == figures
    peers = {BATCH, ITEM} if importlib.util.find_spec("torch") else set()
    assert set(figures["seconds"]) == {OURS} | peers
    assert figures["batches"][OURS] == 9
    assert all(len(taken) == 2 for taken in figures["seconds"].values())
    page = unpadded(input_pipeline.section(figures))
    assert page.startswith("## Input pipeline\n")
    assert ("torch is not installed" in page) == (not peers)
    assert list(tmp_path.iterdir()) == []


def test_the_page_follows_from_the_figures():
    page = unpadded(input_pipeline.section(FIGURES))
    assert "0.41 GiB" in page
    assert f"| {BATCH} | 80 | 1.80 | 1.60 to 2.00 |" in page
    assert f"{OURS} 22.2, {BATCH} 12.5" in page
    assert "not installed" not in page


def test_what_is_lost():
    assert input_pipeline.losing(FIGURES) == []
    seconds = {**FIGURES["seconds"], ITEM: [0.02, 0.02]}
    assert input_pipeline.losing({**FIGURES, "seconds": seconds}) == [
        f"{OURS} takes 2.25 times the seconds a batch of {ITEM}."
    ]
