"""Tests of the benchmark of several languages, on drawings in the layout of Multi30K."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.photographs.picture_words import picture_word_vectors
from tb_keras.corpus import Corpus
from tests.scripts.published_layouts import write_multi30k

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def multi30k(tmp_path_factory):
    directory = tmp_path_factory.mktemp("multi30k")
    write_multi30k(directory)
    return directory


# Each network traces its own functions, which takes seconds.
@pytest.mark.parametrize(
    ("split", "tasks", "encoders"),
    [("validation", "1,2", "tfidf_characters"), ("test", "2", "mean_words,lstm")],
)
def test_it_runs_small_and_measures_nothing_twice(tmp_path, multi30k, split, tasks, encoders):
    command = [sys.executable, "-m", "benchmarks.photographs.languages", f"--data={multi30k}"]
    command += ["--pictures=photos", "--seeds=1", "--epochs=1", f"--directory={tmp_path}"]
    command += [f"--split={split}", f"--tasks={tasks}", "--dim=6", f"--encoders={encoders}"]
    kept = {}
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr[-3000:]
        kept, before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}, kept
    assert kept == before
    assert ", seed 0:" not in done.stdout
    stem = "languages" if split == "validation" else "languages_test"
    assert set(kept) == {f"{stem}.md", f"{stem}.json"}
    measured = json.loads(kept[f"{stem}.json"])
    assert len(measured) == 4
    for key, row in measured.items():
        languages = ["en", "de", "fr", "cs"] if key.startswith("task 1") else ["en", "de"]
        assert set(row) == {*languages, "mean", "seconds"}
        assert row["mean"] == pytest.approx(np.mean([row[name] for name in languages]), abs=2e-3)
        assert all(0 <= row[name] <= 100 for name in languages)
    page = kept[f"{stem}.md"].decode()
    assert page in done.stdout
    # Every other picture is there, under its name in Flickr8k.
    for task, texts in ((1, 28), (2, 70)):
        assert (f"7 photographs with {texts} texts to train on, " in page) == (str(task) in tasks)


def test_words_of_the_same_pictures_lie_near():
    texts = ["red dog", "roter Hund", "red cat", "rote Katze", "a dog", "ein Hund"]
    texts += ["a cat", "eine Katze", "red", "rot once"]
    vectors = picture_word_vectors(Corpus(np.arange(10) // 2, texts=texts), 3)
    assert "once" not in vectors  # of one picture alone
    assert vectors.dim == 3
    dog, hund, cat = (v / np.linalg.norm(v) for v in vectors.of(["dog", "hund", "cat"]))
    assert dog @ hund == pytest.approx(1, abs=1e-5)
    assert dog @ cat < 0.5
