"""Tests of replicas that share a batch, against one device: in fresh processes, which have parts.

Those of two processes use ports that the system gives, and are ended after some minutes.
"""

import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.replicas import KINDS
from tb_keras.batching import neighborhood_batches
from tb_keras.losses import InfoNCE
from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import FusedAdam, Recipe, attach_losses, from_recipe
from tb_keras.training.callbacks.training_backup import TrainingBackup, training_state
from tb_keras.training.replicas.replicated_training import ReplicatedTraining
from tests.cases import slow_but
from tests.forks import run_forked
from tests.training.toy_corpora import localization_corpus, retrieval_corpus

pytestmark = pytest.mark.xdist_group("forking")

BESIDE_ONE_DEVICE = """
import json
from benchmarks.replicas import differences, measured
from tb_keras.training import replica_strategy

strategy = replica_strategy({replicas})
print(json.dumps(differences(measured({kind!r}, None), measured({kind!r}, strategy))))
"""
CASES = [(kind, 2) for kind in KINDS if "," in kind] + [("info_nce", 4), ("ranking", 4)]


@pytest.mark.parametrize(
    ("kind", "replicas"), slow_but(("ranking, dropout and noise", 2), cases=CASES)
)
def test_the_loss_and_the_gradient_are_those_of_one_device(tmp_path, kind, replicas):
    program = BESIDE_ONE_DEVICE.format(kind=kind, replicas=replicas)
    (tmp_path / "beside.py").write_text(program)
    (ended,) = run_forked(tmp_path, [(tmp_path, "program", "beside.py")])
    assert ended.code == 0, ended.err
    found = json.loads(ended.out.splitlines()[-1])
    assert found["loss"] < 1e-5
    assert found["gradient"] < 1e-5
    assert found["embeddings"] < 1e-3  # Adam's first steps magnify what gradients differ


WAYS = {
    "regions": """
corpus = localization_corpus(8, 0)
changes = {"network": "similarity", "joint_dims": (6,), "pictures_per_batch": 4}
changes |= {"phrases_per_picture": 2, "regions_per_picture": 8, "regions_per_phrase": 2}
""",
    "word encoder, mined images": """
words = np.random.default_rng(0).integers(0, 12, (len(corpus.text_features), 5))
corpus = corpus.replace(text_features=words.astype("int32"))
encoders = {"text_encoder": word_encoder("lstm", 10, dim=6, units=5)}
changes = {"mined_images": 3, "text_encoder_rate": 2.0, "clip_norm": 0.3, "weight_decay": 0.1}
""",
    "image encoder": """
features = keras.Input((7,))
hidden = keras.layers.BatchNormalization()(keras.layers.Dense(9, "tanh")(features))
encoders = {"image_encoder": keras.Model(features, keras.layers.Dense(6)(hidden))}
# Rows of four numbers may be so short that their unit length enlarges rounding.
changes = {"embedding_dim": 16, "matryoshka_dims": (8,)}
""",
    "image encoder that draws, by gradient caching": """
features = keras.Input((7,))
hidden = keras.layers.Dropout(0.4)(keras.layers.Dense(9, "tanh")(features))
encoders = {"image_encoder": keras.Model(features, keras.layers.BatchNormalization()(hidden))}
changes = {"gradient_cache_rows": 4, "dropout": 0.5, "noise": 0.3}
""",
    "teacher": """
rng = np.random.default_rng(0)
encoders = {"teacher": (rng.normal(size=(24, 3)), rng.normal(size=(48, 3)))}
changes = {"teacher_weight": 3.0, "teacher_temperature": 1.0, "dropout": 0.5, "noise": 0.3}
""",
    "canonical start": """
changes = {"start": "canonical", "dropout": 0.5, "noise": 0.3, "loss": "info_nce"}
changes |= {"learning_rate": 0.01}
""",
    "texts that are missing": """
some = np.arange(len(corpus.text_features)) % 5 > 0
corpus = corpus.subset(texts=np.flatnonzero(some))
changes = {"texts_per_image": 2, "dropout": 0.5, "noise": 0.3}
""",
    "bfloat16": """
changes, most = {"dtype": "mixed_bfloat16"}, 0.1
""",
}
WAY = """
import keras
import numpy as np
from tb_keras.encoders import word_encoder
from tb_keras.training import Recipe, from_recipe, replica_strategy
from tests.training.toy_corpora import localization_corpus, retrieval_corpus

strategy, corpus = replica_strategy(2), retrieval_corpus(24, 0)
encoders, most, found = {{}}, 1e-3, []
{way}
sizes = {{"hidden_dim": 8, "embedding_dim": 4, "images_per_batch": 8, "learning_rate": 1e-3}}
recipe = Recipe(**sizes | changes)
for replicas in (None, strategy):
    network, model, batches = from_recipe(corpus, recipe, strategy=replicas, **encoders)
    before = network.embed_images(corpus.image_features)
    model.fit(batches(0), epochs=2, shuffle=False, verbose=0)
    images = network.embed_images(corpus.image_features)
    found.append(np.concatenate([images, network.embed_texts(corpus.text_features)]))
assert np.abs(images - before).max() > 1e-2
np.testing.assert_allclose(*found, atol=most)
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_embeddings_are_those_of_one_device_after_two_epochs(tmp_path, way):
    (tmp_path / "way.py").write_text(WAY.format(way=WAYS[way]))
    (ended,) = run_forked(tmp_path, [(tmp_path, "program", "way.py")])
    assert ended.code == 0, ended.err


def training(scope, **settings):
    keras.utils.set_random_seed(0)
    with scope:
        network = EmbeddingNetwork(7, 7, hidden_dim=8, embedding_dim=4, dropout=0.3)
        model = attach_losses(network, InfoNCE())
        model.compile(FusedAdam(0.01, **settings))
    return model


class Stopping(keras.callbacks.Callback):
    """Keeps what it is told, and stops the training after two epochs."""

    def __init__(self):
        super().__init__()
        self.told = []

    def on_train_batch_end(self, batch, logs=None):
        self.told.append((batch, sorted(logs)))

    def on_epoch_end(self, epoch, logs=None):
        self.told.append(epoch)
        self.model.stop_training = epoch == 3


def test_the_loop_is_that_of_keras():
    """With one replica on the CPU, whose loop and step are those of several."""
    batches = neighborhood_batches(retrieval_corpus(8, 0), 4, seed=0)
    found = []
    for scope in (
        keras.name_scope("one_device"),
        tf.distribute.MirroredStrategy(["CPU:0"]).scope(),
    ):
        stopping = Stopping()
        model = training(scope, weight_decay=0.1, global_clipnorm=0.1)
        settings = {"initial_epoch": 2, "epochs": 9, "shuffle": False, "verbose": 0}
        history = model.fit(batches, callbacks=[stopping], **settings).history
        found.append((history, stopping.told, model.get_weights()))
        batches = neighborhood_batches(retrieval_corpus(8, 0), 4, seed=0)
    assert isinstance(model, ReplicatedTraining)
    (keras_history, keras_told, keras_weights), (history, told, weights) = found
    assert told == keras_told
    assert [number for number in told if isinstance(number, int)] == [2, 3]
    assert history.keys() == keras_history.keys()
    for name, values in history.items():
        assert values == pytest.approx(keras_history[name], rel=1e-5), name
    for ours, theirs in zip(weights, keras_weights):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_hand_over_comes_before_the_callbacks():
    model = training(tf.distribute.MirroredStrategy(["CPU:0"]).scope())
    calls = []
    model.hand_over = lambda: calls.append("handed over")
    telling = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: calls.append("begun"),
        on_epoch_end=lambda epoch, logs: calls.append(epoch),
    )
    model.fit(neighborhood_batches(retrieval_corpus(4, 0), 4), callbacks=[telling])
    assert calls == ["handed over", "begun", "handed over", 0]
    with pytest.raises(ValueError, match="`shuffle` and `verbose` must be left out"):
        model.fit(neighborhood_batches(retrieval_corpus(4, 0), 4), shuffle=True)


def test_a_backup_of_one_device_is_one_of_replicas(tmp_path):
    """A training goes on with other replicas than it began with."""
    recipe = Recipe(hidden_dim=8, embedding_dim=4, images_per_batch=4, loss="sigmoid", noise=0.1)
    found = []
    for strategy in (None, tf.distribute.MirroredStrategy(["CPU:0"])):
        model = from_recipe(retrieval_corpus(8, 0), recipe, strategy=strategy).model
        first_epoch = TrainingBackup(tmp_path).restore(model)
        batches = neighborhood_batches(retrieval_corpus(8, 0), 4, first_epoch=first_epoch)
        backup = TrainingBackup(tmp_path, seconds_between=0)
        if strategy is None:
            model.fit(batches, epochs=2, shuffle=False, verbose=0, callbacks=[backup])
        found.append([variable.numpy() for variable in training_state(model)])
    assert first_epoch == 2
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("corpus", "changes", "message"),
    [
        (retrieval_corpus(9, 0), {"images_per_batch": 4}, "`images_per_batch` must be a multiple"),
        (retrieval_corpus(2, 0), {"images_per_batch": 6}, "Received: images_per_batch=6, 2 images"),
        (localization_corpus(4, 0), {"pictures_per_batch": 2}, "`pictures_per_batch` must be"),
        (retrieval_corpus(9, 0), {"lora_rank": 2}, "`lora_rank` must be 0 with several replicas"),
    ],
)
def test_what_cannot_be_dealt_to_three_replicas(corpus, changes, message):
    three = types.SimpleNamespace(num_replicas_in_sync=3)
    recipe = Recipe(hidden_dim=8, embedding_dim=4, **changes)
    with pytest.raises(ValueError, match=message):
        from_recipe(corpus, recipe, strategy=three)
