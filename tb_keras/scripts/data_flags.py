"""The flags that choose a task, a data set and its encoders, shared by the scripts."""

from __future__ import annotations

from absl import flags

from tb_keras.corpus import Corpus
from tb_keras.scripts.picture_errors import damaged_picture_named

TASK = flags.DEFINE_enum(
    "task",
    "retrieval",
    ["retrieval", "localization"],
    "What is learned: which picture a text is about, or where in a picture a phrase is.",
)
DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "Data set: openmoji (pictures that arrive with pip), scenes (made of them, to localize phrases "
    "in), flickr30k_entities, referit, refcoco, or table (your own, see --data).",
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
PROPOSALS = flags.DEFINE_enum(
    "proposals",
    "selective_search",
    ["selective_search", "edge_boxes"],
    "Localization: how regions are proposed; edge_boxes needs --edge_model.",
)
PROPOSALS_PER_PICTURE = flags.DEFINE_integer(
    "proposals_per_picture", 200, "Localization: at most so many proposals.", lower_bound=1
)
EDGE_MODEL = flags.DEFINE_string(
    "edge_model", None, "Localization: the file of OpenCV's structured-forest edge detector."
)
_REGION_SIZE = flags.DEFINE_integer(
    "region_size",
    None,
    "Localization: pixels to which regions are warped; by default the image encoder's own size.",
    lower_bound=32,
)
_SPATIAL = flags.DEFINE_bool(
    "spatial", True, "Localization: whether a region's features say where in the picture it is."
)
_CONTEXT = flags.DEFINE_bool(
    "context", False, "Localization: whether the whole picture's features stand beside a region's."
)
_POSITIVE_IOU = flags.DEFINE_float(
    "positive_iou", 0.6, "Localization: least IoU of a region that matches a phrase."
)
_NEGATIVE_IOU = flags.DEFINE_float(
    "negative_iou", 0.3, "Localization: a region with a lower IoU is a negative of the phrase."
)

_WITH_SENTENCES = ("scenes", "flickr30k_entities")  # data sets of phrases and of whole sentences


def data_settings() -> dict:
    """Returns the data flags as they are kept in a run's settings."""
    dataset, data = DATASET.value, DATA.value
    if dataset in (None, "table") and data is None:
        raise ValueError("name a data set: --dataset=openmoji, or your own: --data=pictures.csv")
    settings = {
        "task": TASK.value,
        "dataset": dataset or "table",
        "data": data,
        "image_encoder": IMAGE_ENCODER.value,
        "text_encoder": TEXT_ENCODER.value,
    }
    if TASK.value == "localization":
        settings["regions"] = {
            "size": _REGION_SIZE.value,
            "spatial": _SPATIAL.value,
            "context": _CONTEXT.value,
        }
        settings["proposals"] = {
            **proposal_settings(),
            "positive_iou": _POSITIVE_IOU.value,
            "negative_iou": _NEGATIVE_IOU.value,
        }
    return settings


def proposal_settings() -> dict:
    """Returns the flags that say how regions are proposed, as `propose_regions` takes them."""
    return {
        "method": PROPOSALS.value,
        "limit": PROPOSALS_PER_PICTURE.value,
        "edge_model": EDGE_MODEL.value,
    }


def load_corpus(settings: dict, split: str) -> Corpus:
    """Loads a split of the data set that `settings` name, without features."""
    from tb_keras import datasets

    sentences = settings["task"] == "retrieval" and settings["dataset"] in _WITH_SENTENCES
    options = {"texts": "sentences"} if sentences else {}
    return datasets.load(settings["dataset"], settings["data"], split=split, **options)


def load_encoded(settings: dict, split: str) -> Corpus:
    """Loads a split with the features of the encoders that `settings` name."""
    return encoded(load_corpus(settings, split), settings, split)


def encoded(corpus: Corpus, settings: dict, split: str) -> Corpus:
    """Returns a split that was loaded with the features of the encoders that `settings` name.

    To localize, its regions are proposals; for training the true boxes stand among them.
    """
    from tb_keras.encoders import encode_corpus, proposal_report, proposed_corpus

    if settings["task"] == "retrieval":
        print(f"{split}: {corpus.num_images} images, {corpus.num_texts} texts", flush=True)
        with damaged_picture_named(corpus.image_paths or ()):
            return encode_corpus(corpus, settings["image_encoder"], settings["text_encoder"])
    if corpus.grounding is None:
        raise ValueError(f"data set {settings['dataset']!r} has no boxes to localize phrases with")
    with damaged_picture_named(corpus.grounding.picture_paths):
        print(f"{split}: {corpus.grounding.num_pictures} pictures, proposals ...", flush=True)
        proposals = proposed_corpus(corpus, **settings["proposals"])
        counts = proposal_report(proposals)
        print(
            f"{split}: {proposals.num_images} regions, {counts['phrases']} phrases, of which "
            f"{counts['phrases_without_box']} have no box and {counts['phrases_without_match']} no "
            f"proposal with IoU >= {settings['proposals']['positive_iou']}; "
            f"{counts['pictures_without_match']} pictures have no usable proposal",
            flush=True,
        )
        if split == "train":
            proposals = proposed_corpus(corpus, **settings["proposals"], true_boxes=True)
        encoders = settings["image_encoder"], settings["text_encoder"]
        return encode_corpus(proposals, *encoders, **settings["regions"])
