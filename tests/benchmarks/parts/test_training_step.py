"""Tests of the benchmark of the training step and of precision: small, by their structure."""

import json

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.peers.matrix_products import matrix_products
from benchmarks.peers.parts import precision, training_step
from tests.benchmarks.table_cells import unpadded

NAMES = {
    training_step.OURS,
    training_step.OURS_BFLOAT16,
    training_step.BOOLEAN_MASK,
    training_step.PRODUCTS,
    training_step.PRODUCTS_BFLOAT16,
}


def test_the_training_step_is_measured(tmp_path):
    figures = training_step.measure(tmp_path / "x.json", 1, **training_step.SMALL)
    figures = json.loads(json.dumps(figures))
    assert set(figures["seconds"]) >= NAMES
    assert all(len(values) == 1 and values[0] > 0 for values in figures["seconds"].values())
    page = unpadded(training_step.section(figures))
    assert page.startswith("## Training step")
    assert all(f"| {name} |" in page for name in figures["seconds"])
    assert ("Not measured here" in page) == (training_step.EAGER not in figures["seconds"])


def test_the_goals_of_the_training_step():
    reached = {
        training_step.OURS: [1.0],
        training_step.OURS_BFLOAT16: [0.6],
        training_step.BOOLEAN_MASK: [1.2],
        training_step.EAGER: [1.4],
        training_step.PRODUCTS: [0.9],
    }
    assert training_step.losing({"seconds": reached}) == []
    without_torch = {**reached}
    del without_torch[training_step.EAGER]
    assert training_step.losing({"seconds": without_torch}) == []
    missed = {
        **reached,
        training_step.EAGER: [1.1],
        training_step.COMPILED: [0.5],
        training_step.PRODUCTS: [0.5],
    }
    sentences = training_step.losing({"seconds": missed})
    assert len(sentences) == 4
    assert "1.10 times as fast" in sentences[0]
    assert "1.83 times as fast" in sentences[1]
    assert "2.00 times the time" in sentences[2]
    assert "torch.compile" in sentences[3]
    assert "0.50" in sentences[3]


@pytest.mark.parametrize("loss", [None, training_step.BooleanMaskRanking()])
def test_the_epochs_train(loss):
    corpus = training_step.random_corpus(24, 16, 20)
    epoch = training_step.keras_epochs(corpus, 12, hidden_dim=8, embedding_dim=4, loss=loss)
    losses = [epoch().history["loss"][0] for _ in range(3)]
    assert np.isfinite(losses).all()
    assert len(set(losses)) == 3


def test_pytorch_trains_as_many_steps_on_batches_of_the_same_form():
    torch = pytest.importorskip("torch")
    from benchmarks.peers.pytorch import training as torch_training

    corpus = training_step.random_corpus(24, 16, 20)
    features = [torch.from_numpy(view) for view in (corpus.image_features, corpus.text_features)]
    batches = list(torch_training._batches(*features, 12, np.random.default_rng(0)))
    assert len(batches) == 4
    for images, texts, matches, negatives, text_negatives in batches:
        assert images.shape == (12, 16)
        assert texts.shape == (24, 20)
        assert (matches.sum(1) == 2).all()
        assert (matches.sum(0) == 1).all()
        assert (negatives == ~matches).all()
        assert (text_negatives.sum(1) == 22).all()
        for row in range(12):
            image = int(np.flatnonzero((corpus.image_features == images[row].numpy()).all(1))[0])
            own = texts[matches[row]].numpy()
            np.testing.assert_array_equal(own, corpus.text_features[2 * image : 2 * image + 2])


@pytest.mark.parametrize("settings", [{}, {"fused": True}, {"fused": True, "bfloat16": True}])
def test_an_epoch_in_pytorch_takes_steps_of_adam(settings, monkeypatch):
    pytest.importorskip("torch")
    from benchmarks.peers.pytorch import training as torch_training

    networks, build = [], torch_training.TorchEmbeddingNetwork

    def kept(*arguments):
        networks.append(build(*arguments))
        return networks[-1]

    monkeypatch.setattr(torch_training, "TorchEmbeddingNetwork", kept)
    corpus = training_step.random_corpus(24, 16, 20)
    epoch = torch_training.torch_epochs(corpus, 12, hidden_dim=8, embedding_dim=4, **settings)
    before = [weights.detach().clone() for weights in networks[0].parameters()]
    epoch()
    moved = [
        float((after.detach() - weights).abs().max())
        for after, weights in zip(networks[0].parameters(), before, strict=True)
    ]
    # A step of Adam moves a weight by the learning rate, 1e-4, at the most; there are four.
    assert max(moved) == pytest.approx(4e-4, rel=0.1)
    assert np.count_nonzero(moved) >= len(moved) - 2  # a batch norm undoes the bias before it
    assert networks[0].training


def test_the_matrix_products_are_those_of_a_step(monkeypatch):
    """Counted by their multiplications."""
    counted, matmul = [], tf.matmul

    def counting(left, right, transpose_a=False, transpose_b=False):
        made = matmul(left, right, transpose_a=transpose_a, transpose_b=transpose_b)
        counted.append(int(np.prod(made.shape)) * left.shape[0 if transpose_a else 1])
        return made

    monkeypatch.setattr(tf, "matmul", counting)
    matrix_products(4, 8, 5, 6, 7, 3, steps=2)()
    first, second = 4 * 5 * 7 + 8 * 6 * 7, (4 + 8) * 7 * 3
    distances = (4 * 8 + 8 * 8) * 3
    assert sum(counted) == 2 * first + 3 * second + 3 * distances


def test_precision_is_measured(tmp_path):
    figures = precision.measure(tmp_path / "x.json", 1, **precision.SMALL)
    figures = json.loads(json.dumps(figures))
    assert set(figures["step"]) == set(figures["embedding"])
    assert len(figures["step"]) == 4
    page = unpadded(precision.section(figures))
    assert page.startswith("## Precision")
    assert page.count("| float32, XLA |") == 2


def test_the_default_that_precision_suggests():
    figures = {
        "step": {"float32": [2.0], "float32, XLA": [1.0], "mixed_bfloat16": [1.5]},
        "embedding": {"float32": [1.0], "float32, XLA": [2.0], "mixed_bfloat16": [0.5]},
    }
    assert "`float32, XLA`" in precision.fastest(figures["step"])
    assert precision.losing(figures) == [
        "A step in float32 without XLA, the default, takes 2.00 times the time of the "
        "fastest setting, float32, XLA."
    ]
    figures["step"]["float32"] = [0.5]
    assert precision.losing(figures) == []
