"""A run's text encoder: one by name, or one fitted to the run's training texts."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import keras

from tb_keras.atomic_file import written_beside
from tb_keras.corpus import Corpus
from tb_keras.encoders.fitted_text_encoder import FITTED_TEXT_ENCODERS, fit_text_encoder
from tb_keras.encoders.word_vector_files import read_word_vectors
from tb_keras.encoders.word_vectors import WordVectors, encoded_word_vectors
from tb_keras.encoders.words import count_words
from tb_keras.training.run import Run


def text_encoder_name(run: Run) -> str | None:
    """Returns what to encode a run's texts with, for `tb_keras.encoders.text_encoder`: a name, or
    the file of an encoder that was fitted."""
    name = run.settings["text_encoder"]
    return str(_file(run, "encoder")) if name in FITTED_TEXT_ENCODERS else name


def fitted_word_encoder(run: Run, train: Corpus) -> keras.Model | None:
    """Fits the run's text encoder where it is of that kind, unless the same was fitted before.

    It is kept as `text_encoder.keras` in the run's directory, with `text_encoder.json`, which says
    what it was fitted to.

    Args:
        run: with settings.
        train: with the training texts.

    Returns:
        The part of it that is trained with a network, or None.
    """
    settings = run.settings
    if settings["text_encoder"] not in FITTED_TEXT_ENCODERS:
        return None
    fitted_to = {
        "text_encoder": settings["text_encoder"],
        "word_vectors": settings["word_vectors"],
        "texts": hashlib.sha256(json.dumps(list(train.texts)).encode()).hexdigest(),
    }
    note, words = _file(run, "encoder").with_suffix(".json"), _file(run, "words")
    if not note.exists() or json.loads(note.read_text()) != fitted_to:
        print(f"fitting the text encoder {settings['text_encoder']} ...", flush=True)
        vectors = _word_vectors(settings, train.texts)
        fitted = fit_text_encoder(settings["text_encoder"], train.texts, vectors)
        words.unlink(missing_ok=True)
        for file, part in ((_file(run, "encoder"), fitted.encoder), (words, fitted.word_encoder)):
            if part is not None:
                with written_beside(file) as beside:
                    part.save(beside)
        with written_beside(note) as beside:
            beside.write_text(json.dumps(fitted_to) + "\n")
    return keras.saving.load_model(words) if words.exists() else None


def _word_vectors(settings: dict, texts: Sequence[str]) -> WordVectors | None:
    source = settings["word_vectors"]
    if settings["text_encoder"] == "tfidf" or source == "random":
        return None
    words = list(count_words(texts).texts_with)
    if os.path.isfile(source):
        return read_word_vectors(source, words)
    if Path(source).suffix in (".txt", ".vec", ".bin", ".gz"):
        raise FileNotFoundError(f"--word_vectors: there is no file {source!r}")
    return encoded_word_vectors(words, source)


def _file(run: Run, part: str) -> Path:
    return run.directory / f"text_{part}.keras"
