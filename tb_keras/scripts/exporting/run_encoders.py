"""The encoders of a run, built to be exported."""

from __future__ import annotations

import keras

from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.encoders.presets.preset_backbone import loaded_once
from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_text_encoder import text_encoder_name


def run_encoders(run: Run) -> tuple[RegionEncoder | keras.Model | None, keras.Model | None]:
    """Returns the encoders of pictures (or regions) and texts, None for features alone."""
    with loaded_once():
        return _image_encoder(run.settings), _text_encoder(run)


def _image_encoder(settings: dict) -> RegionEncoder | keras.Model | None:
    if settings["task"] == "localization":
        return RegionEncoder(settings["image_encoder"], **settings["regions"])
    if settings["image_encoder"] is None:
        return None
    return image_encoder(settings["image_encoder"], crops=settings["crops"])


def _text_encoder(run: Run) -> keras.Model | None:
    name = text_encoder_name(run)
    return None if name is None else text_encoder(name, max_tokens=run.settings["max_tokens"])
