"""Tests of the whole training of both networks to localize phrases."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.training import network_metrics
from tb_keras.training import whole_training as module
from tb_keras.training.callbacks.training_backup import TrainingBackup
from tb_keras.training.recipes.recipe import Recipe
from tests.training.toy_corpora import localization_corpus, retrieval_corpus

# All regions of a picture that match one of its phrases are in a batch and all are scored, so that
# with no dropout nothing is left to chance: its draws are not kept through an interruption.
RECIPE = Recipe(
    hidden_dim=16,
    embedding_dim=8,
    joint_dims=(16, 8),
    dropout=0.0,
    margin=0.2,
    pictures_per_batch=6,
    phrases_per_picture=4,
    regions_per_picture=8,
    regions_per_phrase=2,
    epochs=6,
    learning_rate=0.01,
)
NETWORKS = {"embedding": EmbeddingNetwork, "similarity": SimilarityNetwork}
TRAIN, VALIDATION = localization_corpus(24, 0), localization_corpus(20, 1)


def train(directory, network):
    recipe = dataclasses.replace(RECIPE, network=network)
    return module.train_network(TRAIN, VALIDATION, recipe, directory)


def history(directory):
    with (directory / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(
    scope="module", params=["similarity", pytest.param("embedding", marks=pytest.mark.slow)]
)
def finished(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("finished") / request.param / "seed-0"
    return request.param, directory, train(directory, request.param)


def test_the_network_is_that_of_the_epoch_with_the_best_recall(finished):
    kind, directory, network = finished
    assert type(network) is NETWORKS[kind]
    figures = [float(line["val_recall@1"]) for line in history(directory)]
    assert len(figures) == RECIPE.epochs
    result = json.loads((directory / "result.json").read_text())
    assert (result["monitor"], result["seed"]) == ("val_recall@1", 0)
    assert result["figure"] == max(figures) > figures[0]
    metrics = network_metrics(network, VALIDATION)
    np.testing.assert_allclose(metrics["recall@1"], max(figures))
    assert metrics["recall@1"] > 50  # of four objects a picture, chance finds one in four phrases
    assert json.loads((directory / "network.json").read_text())["epoch"] == np.argmax(figures)
    losses = [float(line["loss"]) for line in history(directory)]
    assert losses[-1] < losses[0]


class Killed(Exception):
    pass


@pytest.mark.slow
def test_an_interrupted_training_comes_to_the_same_end(finished, tmp_path, monkeypatch):
    """A backup after epoch 2 and a kill after epoch 3: epoch 3 is gone through again."""
    kind, directory, expected = finished

    class Backup(TrainingBackup):
        killed = True

        def on_epoch_end(self, epoch, logs=None):
            self.seconds_between = 0.0 if epoch == 1 else 1e9
            super().on_epoch_end(epoch, logs)
            if self.killed and epoch == 2:
                raise Killed

    monkeypatch.setattr(module, "TrainingBackup", Backup)
    with pytest.raises(Killed):
        train(tmp_path, kind)
    assert not (tmp_path / "result.json").exists()
    monkeypatch.setattr(Backup, "killed", False)
    network = train(tmp_path, kind)
    whole, continued = history(directory), history(tmp_path)
    assert [line["epoch"] for line in continued] == [line["epoch"] for line in whole]
    for name in ("loss", "val_recall@1"):
        assert [float(line[name]) for line in continued] == pytest.approx(
            [float(line[name]) for line in whole], rel=1e-3
        )
    for ours, theirs in zip(network.get_weights(), expected.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_a_validation_corpus_of_another_task_is_refused(tmp_path):
    for corpora in ((TRAIN, retrieval_corpus(4, 0)), (retrieval_corpus(4, 0), VALIDATION)):
        with pytest.raises(
            ValueError, match="`validation` must have a grounding if `train` has one"
        ):
            module.train_network(*corpora, RECIPE, tmp_path)
    assert not list(tmp_path.iterdir())
