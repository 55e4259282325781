"""tb-train from files that tb-extract wrote, and all that comes after."""

import json

import numpy as np
import pytest

from tb_keras.encoders import fit_text_encoder
from tests.scripts.drawn_table import COLORS, SHAPES, write_table
from tests.scripts.running import SMALL_IMAGE_ENCODERS, check, run_forked

pytest.importorskip("sklearn")

pytestmark = pytest.mark.xdist_group("forking")

WRITE = ["extract", "--data=pairs.csv", "--text_encoder=words.keras"]
TRAIN = ["train", "--data=pairs.csv", "--epochs=2", "--hidden_dim=16", "--embedding_dim=4"]
SHARDS = "--train_shards=shards/pairs"


def run(folder, *commands):
    return run_forked(folder, list(commands), SMALL_IMAGE_ENCODERS)


@pytest.fixture
def folder(tmp_path):
    write_table(tmp_path)
    texts = [f"a {color} {shape} <in>" for color in COLORS for shape in SHAPES]
    fit_text_encoder("tfidf", texts).encoder.save(tmp_path / "words.keras")
    return tmp_path


def test_one_command_writes_and_the_next_trains(folder):
    write, train, evaluate = run(
        folder,
        [*WRITE, "--shards=shards/pairs"],
        [*TRAIN, SHARDS, "--run=runs/mine"],
        ["evaluate", "--run=runs/mine", "--baselines=chance,ridge"],
    )
    check(write, 0, "Wrote shards/pairs: 12 pictures, 24 texts, 1 files")
    check(train, 0, "train: 12 images, 24 texts in shards\n")
    check(evaluate, 0, "| ridge ")
    settings = json.loads((folder / "runs/mine/settings.json").read_text())
    assert settings["train_shards"] == str(folder / "shards/pairs")
    assert settings["text_encoder"] == str(folder / "words.keras")
    assert settings["trained_on"]["train"]["images"] == 12
    metrics = json.loads((folder / "runs/mine/metrics.json").read_text())
    assert metrics["baselines"]["ridge"]["rsum"] > metrics["baselines"]["chance"]["rsum"]


@pytest.mark.slow
def test_the_ways_after_and_the_networks(folder):
    ended = run(
        folder,
        [*WRITE, "--shards=shards/pairs"],
        [*WRITE, "--shards=shards/pairs"],
        [*TRAIN, SHARDS, "--run=runs/mine", "--network=embedding,similarity"],
        ["export", "--run=runs/mine"],
        ["evaluate", "--run=runs/mine", "--model=savedmodels/mine"],
        ["search", "--model=savedmodels/mine", "--data=pairs.csv", "--k=1", "a red ring"],
        [*TRAIN, SHARDS, "--run=runs/more", "--init_from=runs/mine"],
        [*TRAIN, SHARDS, "--run=runs/two", "--replicas=2", "--images_per_batch=4"],
        [*TRAIN, SHARDS, "--run=runs/one", "--images_per_batch=4"],
    )
    for done in ended:
        assert (done.code, done.err) == (0, "")
    metrics = json.loads((folder / "runs/mine/metrics.json").read_text())
    assert metrics["embedding"] == pytest.approx(
        {name: metrics["seeds"][0][name] for name in metrics["embedding"]}, abs=1e-3
    )
    assert metrics["embedding, then similarity"]
    two, one = (
        json.loads((folder / f"runs/{name}/embedding/seed-0/result.json").read_text())["figure"]
        for name in ("two", "one")
    )
    assert two == pytest.approx(one, abs=1e-3)


@pytest.mark.slow
def test_features_of_ones_own(folder):
    rng = np.random.default_rng(0)
    images = rng.standard_normal((50, 6)).astype("float32")
    (folder / "own").mkdir()
    np.save(folder / "own" / "images.npy", images)
    np.save(
        folder / "own" / "images.splits.npy", np.repeat(["train", "validation", "test"], 20)[:50]
    )
    np.save(folder / "own" / "texts.npy", np.repeat(images[:, :4], 2, axis=0))
    np.save(folder / "own" / "texts.image_ids.npy", np.repeat(np.arange(50), 2))
    own = ["--dataset=arrays", "--data=own"]
    write, train, evaluate, pictures = run(
        folder,
        ["extract", *own, "--shards=shards/own"],
        [TRAIN[0], *own, *TRAIN[2:], "--train_shards=shards/own", "--run=runs/own"],
        ["evaluate", "--run=runs/own"],
        [*TRAIN, "--train_shards=shards/own", "--run=runs/pictures"],
    )
    check(write, 0, "Wrote shards/own: 20 pictures, 40 texts, 1 files")
    check(train, 0, "train: 20 images, 40 texts in shards\n")
    check(evaluate, 0, "| ridge ")
    check(pictures, 1, "image_encoder must be that of --train_shards, which names none")


@pytest.mark.slow
def test_errors_are_one_line(folder):
    expected = {
        (*WRITE, "--shards=shards/pairs"): None,
        (*WRITE[:2], "--shards=shards/a", "--text_encoder=tfidf"): (
            "--text_encoder must be a pretrained one with --shards"
        ),
        (*WRITE, "--shards=shards/a", "--image_encoder=efficientnet_lite0[:-1]"): (
            "--image_encoder must be a whole one with --shards"
        ),
        (*WRITE, "--shards=shards/a", "--size=32"): "--size goes with --images",
        ("extract", "--images=pictures", "--data=pairs.csv"): "--data goes with --shards",
        ("extract", "--images=pictures"): "--output must name",
        ("extract",): "name either pictures, --images, or files to write, --shards",
        (*WRITE, "--shards=shards/a", "--task=localization"): "--shards is for --task=retrieval",
        (*TRAIN, SHARDS, "--run=runs/a", "--text_encoder=tfidf"): (
            "text_encoder must be '.*words.keras', that of --train_shards"
        ),
        (*TRAIN, SHARDS, "--run=runs/a", "--crops=2"): "crops must be 1, that of --train_shards",
        (
            *TRAIN,
            SHARDS,
            "--run=runs/a",
            "--network=cca",
        ): "--network=cca is fitted.*--train_shards",
        (*TRAIN, SHARDS, "--run=runs/a", "--mined_images=2"): "--mined_images must be 0",
        (*TRAIN, SHARDS, "--run=runs/a", "--train_image_encoder=-1"): (
            "--train_image_encoder must be left out with --train_shards"
        ),
        (*TRAIN, "--train_shards=nowhere", "--run=runs/a"): "must hold shards.json",
        (*TRAIN, SHARDS, "--run=runs/a", "--task=localization"): (
            "--train_shards is for --task=retrieval"
        ),
    }
    for done, message in zip(run(folder, *map(list, expected)), expected.values(), strict=True):
        if message:
            check(done, 1, message)
