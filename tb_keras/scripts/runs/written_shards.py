"""Files to train from, written from a data set."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from tb_keras.batching.shards.shard_description import read_description
from tb_keras.batching.shards.shard_files import write_shards
from tb_keras.corpus.corpus import Corpus
from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.encoders.presets.preset_backbone import loaded_once
from tb_keras.encoders.shortened_names import whole_name
from tb_keras.encoders.text.cut_texts import warn_of_cut_texts
from tb_keras.encoders.text.fitted_text_encoder import FITTED_TEXT_ENCODERS
from tb_keras.scripts.runs.data_digest import data_digest
from tb_keras.scripts.runs.run_data import encoders_needed, load_splits
from tb_keras.scripts.runs.run_text_encoder import check_text_encoder
from tb_keras.scripts.runs.shard_source import ENCODERS, encoder_versions


def write_training_shards(settings: Mapping[str, Any], directory: str) -> None:
    """Writes the training split of a data set for `--train_shards`, and says what it wrote.

    Args:
        settings: from `data_settings`.
        directory: where to write, or where it goes on with what was begun.

    Raises:
        ValueError: if the task is not retrieval, or an encoder is fitted, trained or not whole.
    """
    if settings["task"] != "retrieval":
        raise ValueError(f"--shards is for --task=retrieval. Received: --task={settings['task']}")
    corpus = load_splits(dict(settings), ["train"])["train"]
    settings = {**settings, **encoders_needed(dict(settings), corpus)}
    _check_encoders(settings)
    print(f"train: {corpus.num_images} images, {corpus.num_texts} texts", flush=True)
    source = {name: settings[name] for name in ENCODERS}
    source |= {"encoders": encoder_versions(settings), "data": data_digest(corpus)}
    write_shards(
        corpus,
        directory,
        encode=functools.partial(_encoded, functools.cache(lambda: _encoders(settings, corpus))),
        source=source,
    )
    found = read_description(directory)
    without = corpus.num_images - found["images"]
    left_out = f"; {without} pictures have no text" if without else ""
    counts = f"{found['images']} pictures, {found['texts']} texts, {len(found['files'])} files"
    print(f"Wrote {directory}: {counts}{left_out}")


def _check_encoders(settings: Mapping[str, Any]) -> None:
    check_text_encoder(settings)
    if settings["text_encoder"] in FITTED_TEXT_ENCODERS:
        raise ValueError(
            "--text_encoder must be a pretrained one with --shards. "
            f"Received: --text_encoder={settings['text_encoder']}"
        )
    for view in ("image", "text"):
        name = settings[f"{view}_encoder"]
        if name and whole_name(name)[1]:
            raise ValueError(
                f"--{view}_encoder must be a whole one with --shards. "
                f"Received: --{view}_encoder={name}"
            )


def _encoders(settings: Mapping[str, Any], corpus: Corpus) -> dict[str, Any]:
    """Returns the encoders as arguments of `encode_corpus`, None where features are there."""
    images, texts = settings["image_encoder"], settings["text_encoder"]
    found: dict[str, Any] = {"image_encoder": None, "text_encoder": None}
    with loaded_once():
        if corpus.image_features is None:
            found["image_encoder"] = image_encoder(images, crops=settings["crops"])
        if corpus.text_features is None:
            found["text_encoder"] = text_encoder(texts, max_tokens=settings["max_tokens"])
            if not texts.endswith(".keras"):
                warn_of_cut_texts(corpus.texts, texts, settings["max_tokens"])
    return found


def _encoded(encoders, part: Corpus) -> Corpus:
    from tb_keras.features import encode_corpus

    return encode_corpus(part, **encoders(), verbose=False)
