"""The flags that choose a task, a data set and its encoders, shared by the scripts."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from absl import flags

from tb_keras.scripts.own_data import column_flag
from tb_keras.scripts.own_data.readable_pictures import UNREADABLE
from tb_keras.scripts.runs.settled_paths import settle_paths

TASK = flags.DEFINE_enum(
    "task",
    "retrieval",
    ["retrieval", "localization"],
    "What to learn: retrieval (which picture a text is about) or localization (where in a picture "
    "a phrase is).",
)
DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "Data set: table (your own pictures and texts, see --data), arrays (your own features), "
    "openmoji (drawings that arrive with pip), scenes (made of these, to localize phrases in), "
    "flickr8k, flickr30k, coco, multi30k, coco_cn, flickr30k_entities, referit, refcoco, or "
    "authors (the features that the papers' authors released).",
)
DATA = flags.DEFINE_string(
    "data",
    None,
    "Where the data set is: a directory, or for table a CSV, TSV, JSONL, JSON or Parquet file or a "
    "folder of pictures with texts. A file has columns image (a path, relative to the file) and "
    "text, or others that --columns names; it may have a column split (train, validation or test). "
    "Localization needs columns x_min, y_min, x_max and y_max. Or the tar archives of a "
    "WebDataset, in quotes: 'shard-{000..009}.tar'.",
    allow_overwrite=False,  # a shell makes several flags of braces without quotes
)
DATASET_OPTIONS = flags.DEFINE_list(
    "dataset_options",
    [],
    "Further options of the data set's reader as NAME=VALUE, with + between several values: "
    "languages=en+de,task=2.",
)
IMAGE_ENCODER = flags.DEFINE_string(
    "image_encoder",
    "efficientnet_lite0_levels",
    "Image encoder: efficientnet_lite0_levels, _lite1_levels or _lite2_levels, or without _levels "
    "their last depth alone (weights arrive with pip); vgg19_fc7, resnet152, "
    "keras.applications/NAME or keras_hub/PRESET (weights are downloaded); or several joined by +.",
)
CROPS = flags.DEFINE_integer(
    "crops",
    1,
    "Crops of each picture whose features are averaged: 1, 2 (the central one and its mirror "
    "image) or 10.",
)
_IMAGE_FEATURES = flags.DEFINE_string(
    "image_features", None, "Directory of features from tb-extract, used instead of the pictures."
)
_MISSING_FEATURES = flags.DEFINE_enum(
    "missing_features",
    "error",
    ["error", "drop"],
    "What to do with images that have no features in --image_features: stop with an error, or "
    "drop them.",
)
TEXT_ENCODER = flags.DEFINE_string(
    "text_encoder",
    "minilm",
    "Text encoder. Pretrained: minilm (weights arrive with pip) or keras_hub/PRESET. Fitted to the "
    "training texts: tfidf, tfidf_characters, mean_words or hglmm. Trained with the network: "
    "attended_words, lstm or bidirectional_lstm.",
)
ENCODERS = flags.DEFINE_string(
    "encoders",
    None,
    "Both encoders by one name, instead of --image_encoder and --text_encoder: keras_hub/PRESET of "
    "CLIP, SigLIP, SigLIP 2 or MetaCLIP 2 (weights are downloaded), or a directory of one.",
)
MAX_TOKENS = flags.DEFINE_integer(
    "max_tokens",
    128,
    "Pretrained text encoders: tokens after which a text is cut. minilm takes up to 512, in more "
    "time.",
    lower_bound=3,
    upper_bound=512,
)
_WORD_VECTORS = flags.DEFINE_string(
    "word_vectors",
    "minilm",
    "Word vectors for the encoders of words: a file of word2vec, GloVe or fastText; a text encoder "
    "that encodes each word alone (minilm); or random, for encoders that are trained.",
)
PROPOSALS = flags.DEFINE_enum(
    "proposals",
    "selective_search",
    ["selective_search", "edge_boxes"],
    "Localization: how regions are proposed. edge_boxes needs --edge_model.",
)
PROPOSALS_PER_PICTURE = flags.DEFINE_integer(
    "proposals_per_picture", 200, "Localization: most proposals in a picture.", lower_bound=1
)
EDGE_MODEL = flags.DEFINE_string(
    "edge_model", None, "Localization: file of OpenCV's structured-forest edge detector."
)
_REGION_FEATURES = flags.DEFINE_enum(
    "region_features",
    "crops",
    ["crops", "pooled"],
    "Localization: crops encodes each region by itself; pooled encodes the picture once and "
    "averages its feature maps over each region (RoIAlign), which is many times faster and finds "
    "as much on photographs, but less of small things in drawings.",
)
_REGION_SIZE = flags.DEFINE_integer(
    "region_size",
    None,
    "Localization: pixels to which crops are scaled, by default the image encoder's own size; with "
    "--region_features=pooled those of the whole picture, by default 448.",
    lower_bound=32,
)
_SPATIAL = flags.DEFINE_bool(
    "spatial", True, "Localization: whether a region's features include its place in the picture."
)
_CONTEXT = flags.DEFINE_bool(
    "context", False, "Localization: whether a region's features include the whole picture's."
)
_POSITIVE_IOU = flags.DEFINE_float(
    "positive_iou", 0.6, "Localization: a region with at least this IoU matches the phrase."
)
_NEGATIVE_IOU = flags.DEFINE_float(
    "negative_iou", 0.3, "Localization: a region with a lower IoU is a negative of the phrase."
)

flags.adopt_module_key_flags(column_flag)  # so that --help shows it

_OF_EVERY_TASK = (DATASET, DATA, IMAGE_ENCODER, TEXT_ENCODER, MAX_TOKENS, _WORD_VECTORS)
_OF_WHOLE_PICTURES = (CROPS, _IMAGE_FEATURES, _MISSING_FEATURES)
_OF_PROPOSALS = {
    "method": PROPOSALS,
    "limit": PROPOSALS_PER_PICTURE,
    "edge_model": EDGE_MODEL,
}
_OF_MATCHES = {"positive_iou": _POSITIVE_IOU, "negative_iou": _NEGATIVE_IOU}
_OF_REGIONS = {
    "region_features": _REGION_FEATURES,
    "size": _REGION_SIZE,
    "spatial": _SPATIAL,
    "context": _CONTEXT,
}
_OF_ONE_TASK = {
    "retrieval": _OF_WHOLE_PICTURES,
    "localization": [
        *_OF_PROPOSALS.values(),
        *_OF_MATCHES.values(),
        *_OF_REGIONS.values(),
    ],
}


def data_settings(recipe: Mapping[str, Any] | None = None) -> dict:
    """Returns the settings of a run that the data flags make. Their paths are absolute.

    Args:
        recipe: a recipe's values for some of the flags, and a run's `regions`; a flag given on the
            command line wins.

    Raises:
        ValueError: if a flag is of another task, two flags name one encoder, or none a data set.
    """
    recipe = {**(recipe or {}), **_of_pair()}

    def setting(flag: flags.FlagHolder):
        given = flags.FLAGS[flag.name].present
        return flag.value if given else recipe.get(flag.name, flag.value)

    task = setting(TASK)
    for other, of_other in _OF_ONE_TASK.items():
        for flag in of_other if other != task else ():
            if setting(flag) != flag.default:
                raise ValueError(f"--{flag.name} is for --task={other}. Received: --task={task}")
    settings = {"task": task, **{flag.name: setting(flag) for flag in _OF_EVERY_TASK}}
    if settings["dataset"] in (None, "table") and settings["data"] is None:
        raise ValueError("name a data set: --dataset=openmoji, or your own: --data=pictures.csv")
    settings["dataset"] = settings["dataset"] or "table"
    settings["unreadable"] = UNREADABLE.value
    options = recipe.get("dataset_options", {})
    columns = column_flag.column_options()
    if columns and settings["dataset"] != "table":
        raise ValueError(f"--columns is for a table. Received: --dataset={settings['dataset']}")
    settings["dataset_options"] = {**options, **_options(DATASET_OPTIONS.value), **columns}
    if task == "localization":
        regions = {**_values(_OF_REGIONS), **recipe.get("regions", {})}
        given = {n: flag for n, flag in _OF_REGIONS.items() if flags.FLAGS[flag.name].present}
        settings["regions"] = {**regions, **_values(given)}
        settings["proposals"] = {**proposal_settings(), **_values(_OF_MATCHES)}
    else:
        settings |= {flag.name: setting(flag) for flag in _OF_WHOLE_PICTURES}
    return settle_paths(settings)


def _of_pair() -> dict[str, str]:
    """Returns the settings that --encoders makes, none without it."""
    pair = ENCODERS.value
    if pair is None:
        return {}
    from tb_keras.encoders import share_a_space

    for flag in (IMAGE_ENCODER, TEXT_ENCODER):
        if flags.FLAGS[flag.name].present:
            raise ValueError(
                f"--{flag.name} must be left out with --encoders, which names both encoders. "
                f"Received: --{flag.name}={flag.value}"
            )
    if not share_a_space(pair, pair):
        raise ValueError(f"--encoders must be keras_hub/PRESET. Received: --encoders={pair}")
    return {IMAGE_ENCODER.name: pair, TEXT_ENCODER.name: pair}


def proposal_settings() -> dict:
    """Returns the arguments of `propose_regions` that the flags make."""
    return _values(_OF_PROPOSALS)


def _values(named: Mapping[str, flags.FlagHolder]) -> dict[str, object]:
    return {name: flag.value for name, flag in named.items()}


def _options(given: list[str]) -> dict[str, object]:
    options = {}
    for option in given:
        name, equals, value = option.partition("=")
        if not equals or not name.isidentifier():
            raise ValueError(
                f"--dataset_options must be NAME=VALUE, separated by commas. Received: {option}"
            )
        values = [_literal(part) for part in value.split("+")]
        options[name] = values if len(values) > 1 else values[0]
    return options


def _literal(value: str) -> object:
    """Returns a number, True, False or None where the string is one, else the string."""
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value
