"""Tests of the features of very many items: as those held in memory, but mapped."""

import numpy as np
import pytest

from tb_keras.features import corpus_features as features
from tb_keras.features import encode_texts
from tb_keras.features.feature_file import mapped_features, ordered_rows
from tb_keras.storage.feature_cache import cached_features

ITEMS = [chr(97 + number % 26) * (1 + number // 26) for number in range(2500)]


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path))
    return tmp_path / "features"


def encode(items):
    return np.array([[len(item), ord(item[0]) / 7] for item in items])


def encode_ints(items):
    return encode(items).astype(np.int64)


@pytest.mark.parametrize(
    ("encode", "dtype", "tolerance"), [(encode, "float16", 1e-3), (encode_ints, "int32", 0)]
)
def test_features_are_those_that_would_be_held(encode, dtype, tolerance):
    mapped = mapped_features({"of": "test"}, ITEMS, str, encode, verbose=False)
    held = cached_features({"of": "test"}, ITEMS, str, encode, verbose=False)
    assert isinstance(mapped, np.memmap)
    assert mapped.dtype == dtype
    np.testing.assert_allclose(mapped, held, rtol=tolerance)


def test_only_what_changed_is_encoded_anew(directory):
    encoded = []

    def remembering(items):
        encoded.append(len(items))
        return encode(items)

    def asked(items, **settings):
        encoded.clear()
        mapped_features(settings, items, str, remembering, verbose=False)
        return sum(encoded)

    assert asked(ITEMS) == 2500
    assert asked(ITEMS) == 0
    assert asked(ITEMS[::-1]) == 0
    assert asked(["new", *ITEMS, "newer"]) == 2
    assert asked(ITEMS, other=1) == 2500
    assert asked(["ab", "c"]) == 1  # "c" is one of the items
    assert asked(["a", "bc"]) == 1


def test_a_killed_run_goes_on_where_it_was():
    calls = []

    def failing(items):
        calls.append(len(items))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return encode(items)

    with pytest.raises(KeyboardInterrupt):
        mapped_features({}, ITEMS, str, failing, verbose=False)
    calls.clear()

    def counting(items):
        calls.append(len(items))
        return encode(items)

    mapped = mapped_features({}, ITEMS, str, counting, verbose=False)
    assert sum(calls) == len(ITEMS) - 2 * 256
    np.testing.assert_allclose(mapped, encode(ITEMS), rtol=1e-3)


@pytest.mark.parametrize("distinct", [300, 690, 700])
def test_texts_that_repeat_are_encoded_once(monkeypatch, directory, distinct):

    class Encoder:
        layers = ()  # no tokenizer

        def predict_on_batch(self, batch):
            strings = [text.decode() for text in batch.numpy()]
            encoded.extend(strings)
            return encode(strings)

    encoded = []
    monkeypatch.setattr(features, "_HELD", 9)
    monkeypatch.setattr(features, "text_encoder", lambda name, max_tokens: Encoder())
    texts = [ITEMS[number % distinct] for number in range(700)]
    found = encode_texts(texts, "any", verbose=False)
    assert len(encoded) == distinct
    assert isinstance(found, np.memmap)
    np.testing.assert_allclose(found, encode(texts), rtol=1e-3)
    assert len(list(directory.glob("*/rows.npy"))) == 2  # of all texts, and of each


def test_rows_in_order_are_a_part_of_the_file(directory):
    matrix = mapped_features({}, ITEMS, str, encode, verbose=False)
    part = ordered_rows(matrix, np.arange(7, 90), {})
    assert np.shares_memory(part, matrix)
    rows = np.array([5, 5, 0, 2499])
    other = ordered_rows(matrix, rows, {"rows": rows.tolist()})
    np.testing.assert_array_equal(other, matrix[rows])
    assert isinstance(other, np.memmap)
    assert len(list(directory.glob("*/rows.npy"))) == 3
