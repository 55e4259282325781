"""Tests of the run directory: settings that bind, results, the best seed."""

import json

import numpy as np
import pytest

from tb_keras.networks import EmbeddingNetwork
from tb_keras.training.run import Run

SETTINGS = {"dataset": "table", "data": None, "recipe": {"margin": 0.1, "epochs": 3}}


def finished(run, seed, val_rsum):
    directory = run.seed_directory(seed)
    directory.mkdir(parents=True)
    network = EmbeddingNetwork(3, 2, hidden_dim=4, embedding_dim=2)
    network.save(directory / "network.keras")
    record = {"val_rsum": val_rsum, "seed": seed, "seconds": 1.0}
    (directory / "result.json").write_text(json.dumps(record))
    return network


def test_settings_are_kept_and_the_same_ones_are_taken_again(tmp_path):
    run = Run(tmp_path / "runs" / "mine")
    run.start(SETTINGS)
    assert Run(tmp_path / "runs" / "mine").settings == SETTINGS
    finished(run, 0, 100.0)
    run.start(json.loads(json.dumps(SETTINGS)))
    assert run.settings == SETTINGS
    assert sorted(path.name for path in run.directory.iterdir()) == ["seed-0", "settings.json"]


def test_other_settings_are_refused_once_there_is_a_network(tmp_path):
    run = Run(tmp_path)
    run.start(SETTINGS)
    finished(run, 0, 100.0)
    changed = {**SETTINGS, "data": "x.csv", "recipe": {"margin": 0.2, "epochs": 3, "top_k": 5}}
    with pytest.raises(ValueError, match="was trained with other settings") as error:
        run.start(changed)
    for part in ("data was None, is 'x.csv'", "recipe.margin was 0.1, is 0.2", "recipe.top_k was"):
        assert part in str(error.value)
    assert "epochs" not in str(error.value)
    assert run.settings == SETTINGS


def test_settings_that_trained_nothing_do_not_bind(tmp_path):
    run = Run(tmp_path)
    run.start({**SETTINGS, "recipe": {"margin": -1}})
    run.start(SETTINGS)
    assert run.settings == SETTINGS


def test_results_by_seed_and_the_best_of_them(tmp_path):
    run = Run(tmp_path)
    for seed, val_rsum in ((10, 120.0), (2, 300.0), (0, 250.0)):
        network = finished(run, seed, val_rsum)
    unfinished = run.seed_directory(7)
    unfinished.mkdir()
    assert [result["seed"] for result in run.results()] == [0, 2, 10]
    assert run.best_seed() == 2
    loaded, other = run.network(0), run.network(2)  # seed 0 was made last
    assert isinstance(loaded, EmbeddingNetwork)
    last, same, first = (n.text_branch.get_layer("hidden").kernel for n in (network, loaded, other))
    assert np.array_equal(same, last)
    assert not np.array_equal(first, last)


def test_the_name_is_the_directorys_own(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    assert Run(".").name == Run(tmp_path / "mine" / "").name == "mine"


def test_no_run_and_no_result(tmp_path):
    run = Run(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"must be a run of tb-train"):
        _ = run.settings
    for ask in (run.results, run.best_seed):
        with pytest.raises(FileNotFoundError, match="has no finished training"):
            ask()
