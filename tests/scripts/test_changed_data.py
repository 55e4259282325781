"""Tests of runs whose data has changed, and of runs that begin with another's network."""

import csv
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import tb_keras  # noqa: F401  what is loaded must be registered
from tests import forks
from tests.scripts.running import SMALL_IMAGE_ENCODERS

pytest.importorskip("sklearn")

pytestmark = pytest.mark.slow

COUNT = 20
TRAIN = ["train", "--data=pairs.csv", "--text_encoder=attended_words", "--epochs=2"]
TRAIN += ["--word_vectors=random", "--hidden_dim=16", "--embedding_dim=8"]
BEGUN = ["train", "--data=pairs.csv", "--init_from=runs/old", "--run=runs/begun"]
EVALUATE = ["evaluate", "--baselines="]
GROWN = """
with open("pairs.csv", "a") as table:
    table.write("x.png,a new picture,train\\n")
"""
COMMANDS = {
    "train": [*TRAIN, "--run=runs/old"],
    "evaluate": [*EVALUATE, "--run=runs/old"],
    "elsewhere": [*EVALUATE, "--run=../runs/old"],
    "train again": [*TRAIN, "--run=runs/old"],
    "grown": None,
    "train on more": [*TRAIN, "--run=runs/old"],
    "evaluate on other": [*EVALUATE, "--run=runs/old", "--split=validation"],
    "begin": [*BEGUN, "--epochs=1", "--learning_rate=1e-30"],
    "begin again": [*BEGUN, "--epochs=1", "--learning_rate=1e-30"],
    "begin with another size": [*BEGUN, "--hidden_dim=32"],
    "begin with another encoder": [*BEGUN, "--text_encoder=tfidf"],
    "begin with another network": [*BEGUN, "--network=similarity"],
    "begin with another recipe": [*BEGUN, "--recipe=paper"],
    "named columns": [
        *["train", "--data=own.csv", *TRAIN[2:], "--run=runs/own"],
        "--columns=image=bild,text=legende,group=art",
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty pictures with a text each, and another table of the same name elsewhere."""
    folder = tmp_path_factory.mktemp("changed")
    (folder / "elsewhere").mkdir()
    random = np.random.default_rng(0)
    rows = []
    for number, name in enumerate([*map(str, range(COUNT)), "x"]):
        pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
        (folder / f"{name}.png").write_bytes(tf.io.encode_png(pixels).numpy())
        split = "train" if number % 5 < 3 else ("validation", "test")[number % 5 - 3]
        rows.append((f"{name}.png", f"number {number % 7} {'word ' * (number % 3)}", split))
    for table, some in (("pairs.csv", rows[:-1]), ("elsewhere/pairs.csv", rows[:1])):
        with (folder / table).open("w", newline="") as file:
            csv.writer(file).writerows([("image", "text", "split"), *some])
    with (folder / "own.csv").open("w", newline="") as file:
        own = [(name, text, name[0]) for name, text, _ in rows]
        csv.writer(file, delimiter="\t").writerows([("bild", "legende", "art"), *own])
    (folder / "grown.py").write_text(GROWN)
    return folder


@pytest.fixture(scope="module")
def ended(folder):
    tasks = []
    for name, command in COMMANDS.items():
        where = folder / "elsewhere" if name == "elsewhere" else folder
        tasks.append((where, "script", *command) if command else (where, "program", "grown.py"))
    return dict(zip(COMMANDS, forks.run_forked(folder, tasks, SMALL_IMAGE_ENCODERS), strict=True))


def test_what_the_data_was_taken_for_is_said(ended):
    assert ended["train"].out.startswith(
        "20 images, 20 texts in 20 rows of pairs.csv (columns image, text, split)\n"
        "split by the column split 12/4/4 (train/validation/test)\n"
    )
    assert (ended["named columns"].code, ended["named columns"].err) == (0, "")
    assert ended["named columns"].out.startswith(
        "21 images, 21 texts in 21 rows of own.csv (columns bild, legende, art)\n"
        "split by hash of 11 groups "
    )


def test_the_same_data(ended):
    for name in ("train", "evaluate", "train again", "grown"):
        assert (ended[name].code, ended[name].err) == (0, ""), ended[name]


def test_a_run_is_measured_on_its_own_data_from_wherever_one_stands(ended):
    table, other = (
        re.search(r"^\| embedding, seed 0.*", ended[name].out, re.M)[0]
        for name in ("evaluate", "elsewhere")
    )
    assert table == other
    assert not ended["elsewhere"].err


def test_a_run_does_not_pass_for_one_of_other_data(ended):
    code, _, err = ended["train on more"]
    assert code == 1
    assert "'runs/old' was trained on other data (train had 12 images and " in err
    assert ", has 13 images and " in err
    assert "--init_from=runs/old" in err
    assert "has other" not in err  # the validation split is the same
    assert err.count("\n") == 1
    code, out, err = ended["evaluate on other"]
    assert code == 0
    assert re.match(r"tb-evaluate: 'runs/old' was trained on other data \(train had 12 .*\n$", err)
    assert "seed 0" in out


def test_a_run_begins_with_the_network_of_another(ended, folder):
    assert (ended["begin"].code, ended["begin"].err) == (0, ""), ended["begin"]
    assert "train: 13 images" in ended["begin"].out
    runs = [folder / "runs" / name for name in ("old", "begun")]
    # Next to nothing is learned, so the weights are the old network's.
    files = [run / "embedding" / "seed-0" / "network.keras" for run in runs]
    old, begun = (keras.saving.load_model(file).trainable_variables for file in files)
    for old_weights, weights in zip(old, begun, strict=True):
        np.testing.assert_allclose(weights, old_weights, rtol=1e-6)
    for name in ("text_encoder.json", "text_encoder.keras", "text_words.keras"):
        old, begun = ((run / name).read_bytes() for run in runs)
        assert old == begun
    old, begun = (json.loads((run / "settings.json").read_text()) for run in runs)
    assert begun["init_from"] == str(folder / "runs" / "old")
    assert begun["text_encoder"] == "attended_words"
    assert begun["recipes"]["embedding"] == {
        **old["recipes"]["embedding"],
        "epochs": 1,
        "learning_rate": 1e-30,
    }
    assert ended["begin again"].code == 0
    assert "epoch - loss" not in ended["begin again"].out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("size", "--hidden_dim must be 16, that of --init_from=runs/old, or left out. .*=32"),
        ("encoder", "text_encoder must be 'attended_words', that of .*runs/old. .*'tfidf'"),
        ("network", "--init_from=runs/old has no similarity network"),
        ("recipe", "--recipe must be left out with --init_from"),
    ],
)
def test_a_run_that_cannot_begin_with_another(ended, name, message):
    code, _, err = ended[f"begin with another {name}"]
    assert code == 1
    assert re.search(message, err)
    assert err.count("\n") == 1
