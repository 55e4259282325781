"""The flags that choose a data set and its encoders, shared by the scripts."""

from __future__ import annotations

from absl import flags

from tb_keras.corpus import Corpus
from tb_keras.scripts.picture_errors import damaged_picture_named

DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "Data set: openmoji (pictures that arrive with pip), or table (your own, see --data).",
)
DATA = flags.DEFINE_string(
    "data",
    None,
    "Where the data set is. For table: a CSV, TSV or JSONL file with columns image (a path, "
    "relative to the file), text and, if you like, split (train, validation, test).",
)
IMAGE_ENCODER = flags.DEFINE_string(
    "image_encoder",
    "efficientnet_lite0",
    "Image encoder: efficientnet_lite0 (or _lite1, _lite2) for photos, efficientnet_lite0_levels "
    "for drawings (weights arrive with pip), "
    "keras.applications/NAME or keras_hub/PRESET (weights are downloaded).",
)
TEXT_ENCODER = flags.DEFINE_string(
    "text_encoder",
    "minilm",
    "Text encoder: minilm (weights arrive with pip) or keras_hub/PRESET.",
)


def data_settings() -> dict[str, str | None]:
    """Returns the data flags as they are kept in a run's settings."""
    dataset, data = DATASET.value, DATA.value
    if dataset in (None, "table") and data is None:
        raise ValueError("name a data set: --dataset=openmoji, or your own: --data=pictures.csv")
    dataset = dataset or "table"
    return {
        "dataset": dataset,
        "data": data,
        "image_encoder": IMAGE_ENCODER.value,
        "text_encoder": TEXT_ENCODER.value,
    }


def load_corpus(settings: dict, split: str) -> Corpus:
    """Loads a split of the data set that `settings` name, without features."""
    from tb_keras import datasets

    return datasets.load(settings["dataset"], settings["data"], split=split)


def load_encoded(settings: dict, split: str) -> Corpus:
    """Loads a split with the features of the encoders that `settings` name."""
    return encoded(load_corpus(settings, split), settings, split)


def encoded(corpus: Corpus, settings: dict, split: str) -> Corpus:
    """Returns a split that was loaded with the features of the encoders that `settings` name."""
    from tb_keras.encoders import encode_corpus

    print(f"{split}: {corpus.num_images} images, {corpus.num_texts} texts", flush=True)
    with damaged_picture_named(corpus.image_paths or ()):
        return encode_corpus(corpus, settings["image_encoder"], settings["text_encoder"])
