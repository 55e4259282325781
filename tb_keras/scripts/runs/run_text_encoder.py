"""A run's text encoder: one by name, or one fitted to the run's training texts."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras

from tb_keras.corpus.corpus import Corpus
from tb_keras.encoders.presets.preset_backbone import HUB
from tb_keras.encoders.shortened_names import whole_name
from tb_keras.encoders.text.fitted_text_encoder import BAGS, FITTED_TEXT_ENCODERS, fit_text_encoder
from tb_keras.encoders.text.word_encoder import WORD_ENCODERS
from tb_keras.encoders.text.word_vector_files import read_word_vectors
from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.encoders.text.words import count_words
from tb_keras.features.encoded_words import encoded_word_vectors
from tb_keras.scripts.runs.run import Run
from tb_keras.storage.atomic_file import written_beside


def text_encoder_name(run: Run) -> str | None:
    """Returns the name of a run's text encoder, or the path of one that was fitted."""
    name = run.settings["text_encoder"]
    return str(_file(run, "encoder")) if name in FITTED_TEXT_ENCODERS else name


def text_encoder_fitted_to(run: Run) -> dict | None:
    """Returns what a run's text encoder was fitted to, or None if it was not fitted."""
    if run.settings["text_encoder"] not in FITTED_TEXT_ENCODERS:
        return None
    return json.loads(_file(run, "encoder").with_suffix(".json").read_text())


def check_text_encoder(settings: Mapping) -> None:
    """Checks the text encoder and the word vectors in the settings, before anything is encoded.

    Raises:
        ValueError: if there is no such text encoder, or it cannot use random word vectors.
        FileNotFoundError: if there is no such file of word vectors.
    """
    name, vectors = settings["text_encoder"], settings["word_vectors"]
    if name is None or _is_pretrained(name) or name.endswith(".keras"):
        return
    if name not in FITTED_TEXT_ENCODERS:
        names = ", ".join(("minilm", "keras_hub/PRESET", *FITTED_TEXT_ENCODERS))
        raise ValueError(f"--text_encoder must be one of {names}. Received: {name}")
    if name in BAGS or _is_pretrained(vectors):
        return
    if vectors != "random" and not os.path.isfile(vectors):
        raise FileNotFoundError(f"--word_vectors: there is no file {vectors!r}")
    if vectors == "random" and name not in WORD_ENCODERS:
        raise ValueError(
            f"--word_vectors=random is for encoders that are trained ({', '.join(WORD_ENCODERS)}). "
            f"Received: --text_encoder={name}"
        )


def _is_pretrained(name: str) -> bool:
    return whole_name(name)[0] == "minilm" or name.startswith(HUB)


def fitted_word_encoder(run: Run, train: Corpus) -> keras.Model | None:
    """Fits the run's text encoder if it is of that kind, unless the same was fitted before.

    A run that begins with another's network takes that run's encoder.

    The encoder is kept as `text_encoder.keras` in the run's directory. Beside it,
    `text_encoder.json` says what it was fitted to.

    Args:
        run: with settings.
        train: with the training texts.

    Returns:
        The part of the encoder that is trained with a network, or None.
    """
    settings = run.settings
    if settings["text_encoder"] not in FITTED_TEXT_ENCODERS:
        return None
    fitted_to = {
        "text_encoder": settings["text_encoder"],
        "word_vectors": settings["word_vectors"],
        "texts": hashlib.sha256(json.dumps(list(train.texts)).encode()).hexdigest(),
    }
    if settings.get("init_from"):
        _copy_from(Run(settings["init_from"]), run)
        fitted_to = json.loads(_file(run, "encoder").with_suffix(".json").read_text())
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


def _copy_from(source: Run, run: Run) -> None:
    """Copies a fitted encoder, which the network to begin with has been trained with."""
    encoder = _file(source, "encoder")
    for file in (encoder, encoder.with_suffix(".json"), _file(source, "words")):
        if file.exists():
            with written_beside(run.directory / file.name) as beside:
                shutil.copyfile(file, beside)


def _word_vectors(settings: dict, texts: Sequence[str]) -> WordVectors | None:
    source = settings["word_vectors"]
    if settings["text_encoder"] in BAGS or source == "random":
        return None
    words = list(count_words(texts).texts_with)
    if os.path.isfile(source):
        return read_word_vectors(source, words)
    return encoded_word_vectors(words, source)


def _file(run: Run, part: str) -> Path:
    return run.directory / f"text_{part}.keras"
