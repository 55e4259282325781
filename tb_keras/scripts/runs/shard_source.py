"""What a run knows of the files that its training split is read from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tb_keras.batching import shard_sample
from tb_keras.batching.shards.shard_description import read_description
from tb_keras.corpus.corpus import Corpus
from tb_keras.encoders.shortened_names import whole_name
from tb_keras.storage.cache_key import encoder_settings

ENCODERS = ("image_encoder", "crops", "text_encoder", "max_tokens")
"""The settings that say how features are made. The files name them as their source."""


def shard_settings(directory: str) -> dict[str, Any]:
    """Returns the data settings that follow from the files: their encoders, where they say them."""
    source = read_description(directory)["source"] or {}
    return {name: source[name] for name in ENCODERS if source.get(name) is not None}


def encoder_versions(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what tells the encoders of two times or two files apart, as JSON."""
    named = {view: settings[f"{view}_encoder"] for view in ("image", "text")}
    found = {view: encoder_settings(view, name) for view, name in named.items() if name}
    for of_encoder in found.values():
        del of_encoder["packages"]  # a newer release keeps the features, or raises the version
    return found


def check_shard_settings(directory: str, settings: Mapping[str, Any]) -> None:
    """Checks that a training from the files can have the settings.

    Raises:
        ValueError: if the features are made by other encoders, or by the same before they changed,
            or parts of an encoder are trained.
    """
    source = read_description(directory)["source"] or {}
    for name in ENCODERS:
        value = settings[name]
        if name.endswith("_encoder") and value and whole_name(value)[1]:
            raise ValueError(f"--train_{name} must be left out with --train_shards")
        wanted = source.get(name)
        if wanted != value and (wanted is not None or name.endswith("_encoder")):
            of_shards = f"{wanted!r}, that of --train_shards={directory}"
            if wanted is None:
                of_shards = "that of --train_shards, which names none: bring features of one's own"
            raise ValueError(f"{name} must be {of_shards}. Received: {value!r}")
    if source.get("encoders", encoder_versions(settings)) != encoder_versions(settings):
        raise ValueError(
            f"an encoder has changed since --train_shards={directory} was written: write it again"
        )


def shards_digest(directory: str) -> dict[str, Any]:
    """Returns what `data_digest` returns for a corpus, for the files."""
    found = read_description(directory)
    digest = hashlib.sha256(json.dumps(found["files"]).encode()).hexdigest()
    return {**{k: found[k] for k in ("images", "texts")}, "digests": {"shards": digest}}


def sample_of_shards(directory: str) -> Corpus:
    """Returns the sample that a start or a baseline is fitted to, and says its size."""
    sample, found = shard_sample(directory), read_description(directory)
    part = "" if sample.num_images == found["images"] else f"; {sample.num_images} are a sample"
    print(f"train: {found['images']} images, {found['texts']} texts in shards{part}", flush=True)
    return sample
