"""Tests of which replicas there are."""

import json

import pytest

from tb_keras.training import replica_strategy
from tb_keras.training.replicas.strategy import from_chief, has_workers, is_chief

CLUSTER = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}}


def test_one_replica_has_no_strategy(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["127.0.0.1:1"]}}))
    assert replica_strategy() is None
    assert is_chief(None)
    assert not has_workers(None)
    assert from_chief(None, [True, 2.0]) == [True, 2.0]


def test_replicas_and_workers_are_not_both_given(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(CLUSTER))
    with pytest.raises(ValueError, match=r"left out with TF_CONFIG. Received: replicas=2"):
        replica_strategy(2)


def test_replicas_are_set_up_before_anything_is_computed(monkeypatch):
    import tensorflow as tf

    monkeypatch.delenv("TF_CONFIG", raising=False)
    tf.zeros(())
    with pytest.raises(ValueError, match="before TensorFlow computes anything"):
        replica_strategy(2)
