"""Tests of a run with two encoders that share a space, from the command line."""

import json
import re

import pytest

from tests.encoders.presets.random_presets import write_preset
from tests.scripts.drawn_table import write_table
from tests.scripts.running import run_forked

pytest.importorskip("keras_hub")

PAIR = ["--image_encoder=keras_hub/clip", "--text_encoder=keras_hub/clip"]
UNTRAINED = ["--start=identity", "--learning_rate=1e-30"]

pytestmark = pytest.mark.xdist_group("forking")


def test_the_zero_shot_row_is_that_of_the_untrained_network(tmp_path):
    write_table(tmp_path)
    write_preset("clip", tmp_path / "clip")
    sizes = ["--hidden_dim=16", "--embedding_dim=4", "--epochs=1"]
    identity, evaluate = run_forked(
        tmp_path,
        [
            ("train", "--data=pairs.csv", *PAIR, "--run=runs/identity", *sizes, *UNTRAINED),
            ("evaluate", "--run=runs/identity", "--baselines=zero_shot"),
        ],
    )
    assert (identity.code, evaluate.code) == (0, 0), evaluate.err
    metrics = json.loads((tmp_path / "runs" / "identity" / "metrics.json").read_text())
    zero_shot = metrics["baselines"]["zero_shot"]
    assert zero_shot == pytest.approx({n: metrics["embedding"][n] for n in zero_shot})
    assert re.search(r"\| zero_shot +\|", evaluate.out)


@pytest.mark.slow
def test_towers_that_are_trained_by_low_rank_begin_as_they_are(tmp_path):
    write_table(tmp_path)
    write_preset("clip", tmp_path / "clip")
    sizes = ["--hidden_dim=16", "--embedding_dim=4", "--epochs=1"]
    blocks = ["--train_image_encoder=1", "--train_text_encoder=1", "--lora_rank=2"]
    train, export, evaluate = run_forked(
        tmp_path,
        [
            ("train", "--data=pairs.csv", *PAIR, "--run=runs/a", *sizes, *UNTRAINED, *blocks),
            ("export", "--run=runs/a"),
            ("evaluate", "--run=runs/a", "--model=savedmodels/a", "--baselines=zero_shot"),
        ],
    )
    for done in (train, export, evaluate):
        assert (done.code, done.err) == (0, ""), done.err
    metrics = json.loads((tmp_path / "runs" / "a" / "metrics.json").read_text())
    zero_shot = metrics["baselines"]["zero_shot"]
    assert zero_shot == pytest.approx({n: metrics["embedding"][n] for n in zero_shot})
    assert zero_shot == pytest.approx({n: metrics["seeds"][0][n] for n in zero_shot})
