"""Tests of what is said about a text encoder before anything is encoded."""

import pytest

from tb_keras.encoders.text.fitted_text_encoder import BAGS, FITTED_TEXT_ENCODERS
from tb_keras.encoders.text.word_encoder import WORD_ENCODERS
from tb_keras.scripts.runs.run_text_encoder import check_text_encoder


def checked(text_encoder, word_vectors="minilm"):
    check_text_encoder({"text_encoder": text_encoder, "word_vectors": word_vectors})


@pytest.mark.parametrize(
    "name", [None, "minilm", "keras_hub/bert", "my.keras", *FITTED_TEXT_ENCODERS]
)
def test_known_names(name):
    checked(name)


def test_an_unknown_name():
    with pytest.raises(ValueError, match=r"--text_encoder must be one of minilm, .*hglmm.*: glove"):
        checked("glove")


@pytest.mark.parametrize("name", ["hglmm", "mean_words", "lstm"])
def test_word_vectors_in_a_file(tmp_path, name):
    (tmp_path / "vectors").write_text("a 1 2\n")
    checked(name, str(tmp_path / "vectors"))
    with pytest.raises(FileNotFoundError, match=r"--word_vectors: there is no file .glove\.6B."):
        checked(name, "glove.6B")
    checked("tfidf", "glove.6B")  # takes none


@pytest.mark.parametrize("name", FITTED_TEXT_ENCODERS)
def test_random_word_vectors(name):
    if name in (*WORD_ENCODERS, *BAGS):
        checked(name, "random")
    else:
        with pytest.raises(ValueError, match=f"random is for encoders .*Received: .*{name}"):
            checked(name, "random")
