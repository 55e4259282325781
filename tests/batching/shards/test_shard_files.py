"""Tests of the files themselves: goes on where it stopped, and reads a part of them back."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.batching import shard_sample, write_shards
from tb_keras.batching.shards.shard_description import read_description
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tests.forks import environment

IMAGES, TEXTS = 11, 17
SOURCE = {"image_encoder": "numbers", "crops": 1}


def corpus():
    """Paths and strings that are numbers; text 1 is of two images, and image 3 has none."""
    image_of = np.arange(TEXTS) % IMAGES
    image_of[image_of == 3] = 4
    pairs = [*zip(image_of, range(TEXTS)), (5, 1)]
    return Corpus(
        Matches(pairs, IMAGES, TEXTS, ignored=[(0, 1), (0, 2)]),
        image_paths=list(map(str, range(IMAGES))),
        texts=list(map(str, range(TEXTS))),
    )


class Numbers:
    """Encodes each number as itself, and one more number for texts; may stop after some parts."""

    def __init__(self, parts=99):
        self.parts, self.encoded = parts, []

    def __call__(self, part):
        if not self.parts:
            raise KeyboardInterrupt
        self.parts -= 1
        self.encoded += part.image_paths
        return part.replace(
            image_features=np.array([[float(path)] for path in part.image_paths]),
            text_features=np.array([[float(text), 0.5] for text in part.texts]),
        )


def write(directory, encode, source=SOURCE, **settings):
    settings = {"images_per_shard": 4, "verbose": False, **settings}
    write_shards(corpus(), directory, encode=encode, source=source, **settings)


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture
def whole(tmp_path):
    write(tmp_path / "whole", Numbers())
    return tmp_path / "whole"


def test_the_description(whole):
    found = read_description(whole)
    assert (found["images"], found["texts"], found["most_texts"]) == (IMAGES - 1, TEXTS, 4)
    assert (found["image_dim"], found["text_dim"], found["source"]) == (1, 2, SOURCE)
    assert [file["images"] for file in found["files"]] == [4, 4, 2]


def test_it_goes_on_after_the_last_whole_file(whole, tmp_path):
    stopped, first, second = tmp_path / "stopped", Numbers(1), Numbers()
    with pytest.raises(KeyboardInterrupt):
        write(stopped, first)
    with pytest.raises(FileNotFoundError, match="which is written last"):
        read_description(stopped)
    write(stopped, second)
    assert (len(first.encoded), len(second.encoded)) == (4, 6)
    assert contents(stopped) == contents(whole)
    write(stopped, Numbers(0))  # all is there
    assert contents(stopped) == contents(whole)


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.batching.shards.test_shard_files import Numbers, write

class Killed(Numbers):
    def __call__(self, part):
        if not self.parts:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(part)

write(Path(sys.argv[1]), Killed(2))
"""


@pytest.mark.slow
def test_it_goes_on_after_a_kill(whole, tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed")]
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    gone_on = Numbers()
    write(tmp_path / "killed", gone_on)
    assert len(gone_on.encoded) == 2
    assert contents(tmp_path / "killed") == contents(whole)


@pytest.mark.parametrize(
    "changes",
    [
        {"source": {**SOURCE, "crops": 2}},
        {"source": None},
        {"seed": 1},
        {"images_per_shard": 100},
    ],
)
def test_what_is_of_another_source_is_replaced(whole, tmp_path, changes):
    encode = Numbers()
    write(whole, encode, **changes)
    assert len(encode.encoded) == IMAGES - 1
    write(tmp_path / "new", Numbers(), **changes)
    assert contents(whole) == contents(tmp_path / "new")


def test_without_a_source_nothing_is_taken_for_the_same(tmp_path):
    write(tmp_path, Numbers(), source=None)
    again = Numbers()
    write(tmp_path, again, source=None)
    assert len(again.encoded) == IMAGES - 1


def test_the_sample(whole):
    sample, relation = shard_sample(whole), corpus().matches
    images = sample.image_features[:, 0].astype(int)
    texts = sample.text_features[:, 0].astype(int)
    assert sorted(images) == [image for image in range(IMAGES) if image != 3]
    assert sorted(texts) == list(range(TEXTS))
    assert sample.matches == relation.subset(images, texts)
    assert sample.image_features.dtype == np.float16

    bytes_of_four = sum(2 + 4 * len(relation.texts_of(image)) for image in images[:4])
    part = shard_sample(whole, most_bytes=bytes_of_four)
    assert part.image_features[:, 0].astype(int).tolist() == images[:4].tolist()
    texts = part.text_features[:, 0].astype(int)
    assert part.matches == relation.subset(images[:4], texts)
    # The first file is written first: the part is what it holds.
    first = tf.data.TFRecordDataset(str(whole / "shard-00000.tfrecord"))
    assert sum(1 for _ in first) == part.num_images


def test_errors(tmp_path, whole):
    with pytest.raises(ValueError, match="must have an image with a text"):
        write_shards(
            Corpus(
                Matches([], 2, 2), image_features=np.ones((2, 2)), text_features=np.ones((2, 2))
            ),
            tmp_path,
        )
    with pytest.raises(ValueError, match="features that are floats"):
        write(tmp_path, lambda part: part)
    with pytest.raises(ValueError, match="`most_bytes` must be a positive int"):
        shard_sample(whole, most_bytes=0)
    description = json.loads((whole / "shards.json").read_text())
    (whole / "shards.json").write_text(json.dumps({**description, "format": 1}))
    with pytest.raises(ValueError, match="of another version"):
        shard_sample(whole)


def test_numbers_of_numpy(whole, tmp_path):
    write(tmp_path / "other", Numbers(), images_per_shard=np.int64(4), seed=np.int64(0))
    assert contents(tmp_path / "other") == contents(whole)
    with pytest.raises(ValueError, match="`seed` must be a non-negative int"):
        write(tmp_path / "other", Numbers(), seed=-1)
