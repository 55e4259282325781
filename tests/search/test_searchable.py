"""Tests of what a search can be given to find."""

import numpy as np
import pytest

from tb_keras.search import Searchable

EYE = np.eye(3, dtype="float32")
IDS = ["a", "b", "ü.jpg"]


def spoilt(value):
    embeddings = np.ones((20_000, 2), "float32")
    embeddings[9001, 1] = value
    return embeddings


def test_images_with_and_without_texts():
    assert Searchable(IDS, EYE).text_ids is None
    both = Searchable(IDS, EYE, ["one"], np.ones((1, 3), "float16"))
    assert both.text_embeddings.shape == (1, 3)
    assert list(Searchable(np.array(IDS), EYE).image_ids) == IDS


def test_a_memory_map_stays_one(tmp_path):
    np.save(tmp_path / "embeddings.npy", EYE)
    embeddings = np.load(tmp_path / "embeddings.npy", mmap_mode="r")
    assert Searchable(IDS, embeddings).image_embeddings is embeddings


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((IDS, np.ones(3)), r"`image_embeddings` must be float of shape \(n, dim\).*shape=\(3,\)"),
        (([], np.ones((0, 3))), r"`image_embeddings` must be.*neither of them 0.*shape=\(0, 3\)"),
        ((IDS, np.ones((3, 0))), r"`image_embeddings` must be.*shape=\(3, 0\)"),
        ((IDS, np.ones((3, 2), int)), "`image_embeddings` must be float.*dtype=int64"),
        ((IDS[:2], EYE), "`image_ids` must be as many strings as.*rows, 3. Received: 2"),
        (("abc", EYE), "`image_ids` must be as many strings.*Received: 'abc'"),
        ((["a", "", "c"], EYE), "`image_ids` must be strings of UTF-8.*'' at position 1"),
        ((["a", "b", 3], EYE), "`image_ids` must be strings.*Received: 3 at position 2"),
        ((["a", b"b", "c"], EYE), "`image_ids` must be strings.*b'b' at position 1"),
        ((["a", "\udcff", "c"], EYE), r"`image_ids` must be strings of UTF-8.*'\\udcff' at pos"),
        ((["a"] * 20_000, spoilt(np.nan)), "`image_embeddings` must be finite.* in row 9001"),
        ((["a"] * 20_000, spoilt(np.inf)), "`image_embeddings` must be finite.* in row 9001"),
        ((["a"] * 20_000, spoilt(1e30)), "`image_embeddings` must be finite.* in row 9001"),
        ((IDS, EYE, IDS), "`text_ids` and `text_embeddings` must be given together.*text_embe"),
        ((IDS, EYE, None, EYE), "must be given together. Received: text_ids=None"),
        ((IDS, EYE, IDS, np.ones((3, 4))), r"as many columns. Received: shapes \(3, 3\) and \(3,"),
        ((IDS, EYE, IDS, np.ones((2, 3))), "`text_ids` must be as many strings as `text_emb"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Searchable(*arguments)
