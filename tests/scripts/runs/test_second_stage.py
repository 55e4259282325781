"""Tests of which run's similarity network ranks a run's candidates again."""

import json

import pytest

from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.second_stage import fitted_second_stage, second_stage_run
from tb_keras.training.metrics import network_metrics
from tests.scripts.runs.test_run import EMBEDDING, SIMILARITY, finished
from tests.training.toy_corpora import retrieval_corpus

DATA = {"task": "retrieval", "data": "pairs.csv", "text_encoder": "minilm", "published": None}


def run_of(directory, *networks, **changes):
    """A run with a finished training of each kind."""
    run = Run(directory)
    for network in networks:
        recipe = SIMILARITY if network == "similarity" else {**EMBEDDING, "network": network}
        run.start({**DATA, **changes}, recipe)
        finished(run, network, 0, 50.0)
    return run


def fitted(run, **fitted_to):
    (run.directory / "text_encoder.json").write_text(json.dumps(fitted_to))


def test_a_run_of_both_networks_has_its_own(tmp_path):
    assert second_stage_run(run_of(tmp_path / "a", "embedding"), None) is None
    assert second_stage_run(run_of(tmp_path / "b", "similarity"), None) is None
    both = run_of(tmp_path / "c", "embedding", "similarity")
    assert second_stage_run(both, None) is both


def test_another_run_on_the_same_data(tmp_path):
    run = run_of(tmp_path / "a", "embedding", text_encoder="tfidf")
    other = run_of(tmp_path / "b", "similarity", text_encoder="tfidf", published="a_recipe")
    fitted(run, texts="1")
    fitted(other, texts="1")
    assert second_stage_run(run, other.directory).directory == other.directory
    fitted(other, texts="2")
    with pytest.raises(ValueError, match=r"\(fitted text encoder is \{'texts': '1'\} and"):
        second_stage_run(run, other.directory)


def test_another_run_on_other_data(tmp_path):
    run = run_of(tmp_path / "a", "embedding")
    other = run_of(tmp_path / "b", "similarity", data="others.csv", crops=10)
    expected = r"/b' \(crops is None and 10; data is 'pairs.csv' and 'others.csv'\)"
    with pytest.raises(ValueError, match=f"--rerank must name a run on the data and .*{expected}"):
        second_stage_run(run, other.directory)


def test_runs_without_the_networks(tmp_path):
    run, other = run_of(tmp_path / "a", "embedding"), run_of(tmp_path / "b", "similarity")
    with pytest.raises(ValueError, match=r"with a similarity network.*/a', which has embedding"):
        second_stage_run(other, run.directory)
    with pytest.raises(ValueError, match=r"finds candidates. Received: .*/b', which has simil"):
        second_stage_run(other, other.directory)
    with pytest.raises(FileNotFoundError, match="must be a run of tb-train"):
        second_stage_run(run, tmp_path / "none")


def test_the_second_stage_of_the_best_networks(tmp_path, capsys):
    run, other = run_of(tmp_path / "a", "embedding"), run_of(tmp_path / "b", "similarity")
    best = finished(run, "embedding", 3, 60.0)
    corpus = retrieval_corpus(6, seed=0)
    corpus = corpus.replace(
        image_features=corpus.image_features[:, :3], text_features=corpus.text_features[:, :2]
    )
    stage = fitted_second_stage(run, other, corpus, candidates=4)
    assert (stage.first, stage.run) == ("embedding", str(other.directory))
    assert stage.reranker.candidates == 4
    out = capsys.readouterr().out
    assert "72/72" in out  # 6 images and 12 texts with four candidates each
    assert f"weight of the similarity network: {stage.reranker.weight:g}\n" in out
    assert network_metrics(stage.reranker.first, corpus) == network_metrics(best, corpus)
