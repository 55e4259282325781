"""Tests of the encoders that sharded files name."""

import numpy as np
import pytest

from tb_keras.batching import write_shards
from tb_keras.corpus.corpus import Corpus
from tb_keras.scripts.runs.shard_source import (
    check_shard_settings,
    encoder_versions,
    shard_settings,
    shards_digest,
)

CORPUS = Corpus([0, 1], image_features=np.eye(2), text_features=np.eye(2))


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "words.keras").write_bytes(b"an encoder")
    named = {"image_encoder": "efficientnet_lite0", "text_encoder": str(tmp_path / "words.keras")}
    return {**named, "crops": 1, "max_tokens": 128}


@pytest.fixture
def shards(tmp_path, settings):
    source = {**settings, "encoders": encoder_versions(settings)}
    write_shards(CORPUS, tmp_path / "shards", source=source, verbose=False)
    return str(tmp_path / "shards")


def test_the_encoders_are_those_of_the_files(shards, settings, tmp_path):
    assert shard_settings(shards) == settings
    check_shard_settings(shards, settings)
    for name, value in {"crops": 2, "text_encoder": "minilm", "image_encoder": None}.items():
        with pytest.raises(ValueError, match=f"{name} must be .*, that of --train_shards"):
            check_shard_settings(shards, {**settings, name: value})
    with pytest.raises(ValueError, match="--train_text_encoder must be left out"):
        check_shard_settings(shards, {**settings, "text_encoder": "minilm[:-1]"})
    (tmp_path / "words.keras").write_bytes(b"another encoder")
    with pytest.raises(ValueError, match="an encoder has changed since"):
        check_shard_settings(shards, settings)


def test_files_that_name_no_encoder(tmp_path):
    write_shards(CORPUS, tmp_path, verbose=False)
    assert shard_settings(str(tmp_path)) == {}
    own = {"image_encoder": None, "text_encoder": None, "crops": 2, "max_tokens": 9}
    check_shard_settings(str(tmp_path), own)
    with pytest.raises(ValueError, match="image_encoder must be that of --train_shards, which"):
        check_shard_settings(str(tmp_path), {**own, "image_encoder": "efficientnet_lite0"})


def test_the_digest_is_that_of_the_content(shards, tmp_path):
    write_shards(CORPUS, tmp_path / "copy", verbose=False)
    other = CORPUS.replace(text_features=np.eye(2) / 2)
    write_shards(other, tmp_path / "other", verbose=False)
    assert shards_digest(shards) == shards_digest(str(tmp_path / "copy"))
    assert shards_digest(shards) != shards_digest(str(tmp_path / "other"))
