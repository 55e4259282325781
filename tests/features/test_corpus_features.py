"""Tests of the features of a corpus, with encoders that cost nothing in place of the real ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.features import corpus_features as features_module
from tb_keras.features import encode_corpus, encode_images, encode_texts


@keras.saving.register_keras_serializable("tests")
class ByteCount(keras.layers.Layer):
    """Strings `(batch,)` to float32 `(batch, 1)`: how many bytes each has."""

    def call(self, strings):
        return tf.cast(tf.strings.length(strings), tf.float32)[:, None]

    def compute_output_spec(self, strings):
        return keras.KerasTensor((strings.shape[0], 1), "float32")


@pytest.fixture(autouse=True)
def built(tmp_path, monkeypatch):
    """Names of the encoders built so far; features are kept under `tmp_path`."""
    names = []

    def build(name, **options):
        names.append(name)
        strings = keras.Input((), dtype="string")
        return keras.Model(strings, ByteCount()(strings))

    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(features_module, "image_encoder", build)
    monkeypatch.setattr(features_module, "text_encoder", build)
    return names


@pytest.fixture
def pictures(tmp_path):
    paths = [tmp_path / f"{size}.png" for size in (5, 3)]
    for path in paths:
        path.write_bytes(b"x" * int(path.stem))
    return [str(path) for path in paths]


def test_images_and_texts_in_their_order(pictures):
    assert encode_images(pictures, verbose=False).tolist() == [[5], [3]]
    texts = ["a", "three", "", "öö"] * 30  # more than a batch
    assert encode_texts(texts, verbose=False).tolist() == [[1], [5], [0], [4]] * 30


def test_an_encoder_itself_keeps_nothing(pictures, tmp_path, built):
    strings = keras.Input((), dtype="string")
    model = keras.Model(strings, ByteCount()(strings))
    corpus = Corpus([1, 0], image_paths=pictures, texts=["a", "three"])
    encoded = encode_corpus(corpus, model, model, verbose=False)
    assert encoded.image_features.tolist() == [[5], [3]]
    assert encoded.text_features.tolist() == [[1], [5]]
    assert not built
    assert not (tmp_path / "cache").exists()


def test_each_distinct_text_is_encoded_once(monkeypatch):
    encoded = []

    def cached_features(settings, items, *others):
        encoded.extend(items)
        return np.array([[len(item)] for item in items], np.float32)

    monkeypatch.setattr(features_module, "cached_features", cached_features)
    texts = ["a dog", "it", "a dog", "", "it", "a cat"]
    assert encode_texts(texts, verbose=False)[:, 0].tolist() == list(map(len, texts))
    assert encoded == ["", "it", "a dog", "a cat"]  # by length
    encode_texts(np.array(texts), verbose=False)
    assert encoded == ["", "it", "a dog", "a cat"] * 2


def test_repeated_texts_are_those_of_the_same_text_alone():
    alone = encode_texts(["one", "seven"], verbose=False)
    repeated = encode_texts(["seven", "one", "seven"], verbose=False)
    np.testing.assert_array_equal(repeated, alone[[1, 0, 1]])


def test_encoders_are_built_once_and_only_when_needed(pictures, built):
    texts = [str(number) for number in range(600)]  # several chunks
    encode_texts(texts, "first", verbose=False)
    encode_texts(texts, "first", verbose=False)
    encode_images(pictures, "second", verbose=False)
    assert built == ["first", "second"]


def test_a_changed_picture_is_encoded_anew(tmp_path, pictures):
    encode_images(pictures, verbose=False)
    (tmp_path / "3.png").write_bytes(b"x" * 9)
    assert encode_images(pictures, verbose=False).tolist() == [[5], [9]]


def test_ten_crops_are_kept_beside_one(pictures, built):
    for crops in (1, 10, 1, 10):
        assert encode_images(pictures, "one", verbose=False, crops=crops).tolist() == [[5], [3]]
    assert built == ["one", "one"]
    corpus = Corpus(np.arange(2), image_paths=pictures, texts=["a", "b"])
    encode_corpus(corpus, "one", verbose=False, crops=10)
    assert built.count("one") == 2  # crops reached the key


def test_a_text_is_no_picture_of_the_same_content(tmp_path, built):
    (tmp_path / "picture").write_bytes(b"same")
    encode_texts(["same"], "one", verbose=False)
    encode_images([str(tmp_path / "picture")], "one", verbose=False)
    assert built == ["one", "one"]


def test_a_corpus_gets_what_it_lacks(pictures):
    corpus = Corpus(np.array([0, 0, 1]), image_paths=pictures, texts=["a", "bb", "ccc"])
    encoded = encode_corpus(corpus, verbose=False)
    assert encoded.image_features.tolist() == [[5], [3]]
    assert encoded.text_features.tolist() == [[1], [2], [3]]
    assert encoded.texts == corpus.texts
    assert encoded.matches == corpus.matches
    assert corpus.image_features is None


def test_features_that_are_there_stay(built):
    corpus = Corpus(
        np.arange(2),
        image_features=np.full((2, 3), 7.0),
        text_features=np.full((2, 3), 8.0),
        texts=["a", "b"],
    )
    encoded = encode_corpus(corpus, verbose=False)
    assert encoded.image_features is corpus.image_features
    assert encoded.text_features is corpus.text_features
    assert built == []


@pytest.fixture
def localization_corpus(pictures):
    boxes = [[0, 0, 4, 4], [1, 1, 5, 5], [0, 0, 2, 3]]
    grounding = Grounding(
        pictures, [[5, 5], [3, 3]], [0, 0, 1], boxes, [1, 0], [boxes[2], boxes[0]]
    )
    return Corpus(grounding.matches_by_iou(), texts=["a", "bb"], grounding=grounding)


def test_the_images_of_a_corpus_with_a_grounding_are_its_regions(localization_corpus, monkeypatch):
    given = []

    def encode_regions(*arguments, **options):
        given.append((arguments, options))
        return np.full((3, 4), 7, np.float16)

    monkeypatch.setattr(features_module, "encode_regions", encode_regions)
    encoded = encode_corpus(localization_corpus, "one", verbose=False, size=64, context=True)
    options = {"verbose": False, "size": 64, "context": True}
    assert given == [((localization_corpus.grounding, "one"), options)]
    assert encoded.image_features.tolist() == [[7] * 4] * 3
    assert encoded.text_features.tolist() == [[1], [2]]
    assert encoded.grounding is localization_corpus.grounding
    again = encode_corpus(encoded, verbose=False)
    assert again.image_features is encoded.image_features
    assert len(given) == 1


def test_options_of_regions_need_a_grounding(pictures):
    corpus = Corpus(np.arange(2), image_paths=pictures, texts=["a", "b"])
    with pytest.raises(ValueError, match="`corpus` must have a grounding with size, context"):
        encode_corpus(corpus, verbose=False, size=64, context=True)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"texts": ["a", "b"]}, "`corpus` must have image_paths or image_features"),
        ({"image_features": np.ones((2, 3))}, "`corpus` must have texts or text_features"),
    ],
)
def test_nothing_to_encode_is_an_error(parts, message):
    with pytest.raises(ValueError, match=message):
        encode_corpus(Corpus(np.arange(2), **parts), verbose=False)


def test_a_missing_picture_is_named(pictures):
    corpus = Corpus(np.arange(2), image_paths=[pictures[0], "nowhere.png"], texts=["a", "b"])
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        encode_corpus(corpus, verbose=False)


def test_an_unknown_encoder_is_named(monkeypatch):
    monkeypatch.undo()
    corpus = Corpus(np.arange(1), image_features=np.ones((1, 3)), texts=["never encoded before"])
    with pytest.raises(ValueError, match=r"`name` must be .* name='word2vec'"):
        encode_corpus(corpus, text_encoder="word2vec", verbose=False)
