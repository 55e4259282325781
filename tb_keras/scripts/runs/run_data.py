"""The corpora of a run: from its settings to features."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from tb_keras.corpus.corpus import Corpus
from tb_keras.encoders.shortened_names import whole_name
from tb_keras.scripts.own_data.readable_pictures import readable_corpus, skips
from tb_keras.scripts.runs.data_digest import data_changes, data_digest
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_text_encoder import text_encoder_name
from tb_keras.scripts.runs.shard_source import sample_of_shards

_WITH_SENTENCES = ("scenes", "flickr30k_entities")  # data sets of phrases and of whole sentences


def load_corpus(settings: dict, split: str) -> Corpus:
    """Loads a split of the data set that the settings name, with the features that it brings."""
    return load_splits(settings, [split], describe=False)[split]


def load_splits(settings: dict, splits: Sequence[str], describe: bool = True) -> dict[str, Corpus]:
    """Loads splits as `load_corpus` does, and prints what a table of one's own was taken for."""
    from tb_keras import datasets

    options = dict(settings["dataset_options"])
    localizing = settings["task"] == "localization"
    if not localizing and settings["dataset"] in _WITH_SENTENCES:
        options["texts"] = "sentences"
    if localizing and settings["dataset"] == "table":
        options["boxes"] = True
    corpora, lines = datasets.load_splits(settings["dataset"], settings["data"], splits, **options)
    if describe and lines:
        print("\n".join(lines), flush=True)
    return {split: _with_features(settings, corpus, split) for split, corpus in corpora.items()}


def _with_features(settings: dict, corpus: Corpus, split: str) -> Corpus:
    from tb_keras.features import with_extracted_features

    if settings["task"] == "localization" and corpus.grounding is None:
        raise ValueError(f"data set {settings['dataset']!r} has no boxes to localize phrases with")
    if not settings.get("image_features"):
        if corpus.image_features is not None:
            return corpus
        return readable_corpus(corpus, skips(settings), split)
    images = corpus.num_images
    corpus = with_extracted_features(
        corpus, settings["image_features"], missing=settings["missing_features"]
    )
    if corpus.num_images < images:
        print(f"{split}: {images - corpus.num_images} images without features are left out")
    return corpus


def encoders_needed(settings: dict, corpus: Corpus) -> dict:
    """Returns the settings of the encoders that a loaded corpus changes.

    There is no encoder for features that the corpus brings, but for those from `tb-extract`.
    """
    changes = {}
    if settings.get("image_features"):
        changes = _extracted_by(settings["image_features"])
    elif corpus.image_features is not None:
        changes = {"image_encoder": None}
    if corpus.text_features is not None:
        changes["text_encoder"] = None
    return changes


def _extracted_by(directory: str) -> dict:
    """Returns the encoder of extracted features, None if `image_encoder` cannot build it."""
    from tb_keras.features.feature_directory import read_settings

    if not (Path(directory) / "settings.json").exists():  # features of another origin
        return {"image_encoder": None}
    extracted = read_settings(directory)
    if extracted["weights"] != "pretrained" or extracted["size"] is not None:
        return {"image_encoder": None}
    return {"image_encoder": extracted["encoder"], "crops": extracted["crops"]}


def warn_of_other_data(run: Run) -> None:
    """Warns if the run was trained on other data than its data set holds now."""
    before = dict(run.settings.get("trained_on", {}))
    if run.settings.get("train_shards"):
        before.pop("train", None)  # what they were written from need not be there
    now = load_splits(run.settings, list(before), describe=False)
    changes = data_changes(before, {split: data_digest(corpus) for split, corpus in now.items()})
    if changes:
        warnings.warn(
            f"{str(run.directory)!r} was trained on other data ({'; '.join(changes)}), so it may "
            "have seen what it is measured on",
            stacklevel=2,
        )


def trains_blocks(run: Run) -> bool:
    """Returns whether the run's networks hold the last blocks of an encoder."""
    names = run.settings["image_encoder"], run.settings["text_encoder"]
    return any(name and whole_name(name)[1] for name in names)


def load_encoded(run: Run, split: str, untrained: bool = False) -> Corpus:
    """Loads a split of a run's data set with the features that `encoded` returns.

    The training split of a run that reads it from files is a sample of them.
    """
    if split == "train" and run.settings.get("train_shards"):
        return sample_of_shards(run.settings["train_shards"])
    return encoded(run, load_corpus(run.settings, split), split, untrained)


def encoded(run: Run, corpus: Corpus, split: str, untrained: bool = False) -> Corpus:
    """Returns a loaded split with what the run's networks take.

    For localization its regions are proposals; in the training split the true boxes are added.

    Args:
        run: with settings.
        corpus: the split.
        split: its name.
        untrained: whether to return the features of the whole encoders before any training, where
            networks take rows for their own last blocks.
    """
    from tb_keras.features import encode_corpus

    settings = run.settings
    images, texts = settings["image_encoder"], text_encoder_name(run)
    if untrained:
        images, texts = (name and whole_name(name)[0] for name in (images, texts))
    max_tokens = settings["max_tokens"]
    if settings["task"] == "retrieval":
        print(f"{split}: {corpus.num_images} images, {corpus.num_texts} texts", flush=True)
        return encode_corpus(corpus, images, texts, max_tokens=max_tokens, crops=settings["crops"])
    print(f"{split}: {corpus.grounding.num_pictures} pictures, proposals ...", flush=True)
    proposals = _proposals(settings, corpus, split)
    return encode_corpus(proposals, images, texts, max_tokens=max_tokens, **settings["regions"])


def _proposals(settings: dict, corpus: Corpus, split: str) -> Corpus:
    from tb_keras.encoders import proposal_report, proposed_corpus, with_true_boxes

    proposals = proposed_corpus(corpus, **settings["proposals"])
    counts = proposal_report(proposals)
    print(
        f"{split}: {proposals.num_images} regions, {counts['phrases']} phrases, of which "
        f"{counts['phrases_without_box']} have no box and {counts['phrases_without_match']} no "
        f"proposal with IoU >= {settings['proposals']['positive_iou']}; "
        f"{counts['pictures_without_match']} pictures have no usable proposal",
        flush=True,
    )
    if split != "train":
        return proposals
    overlaps = {name: settings["proposals"][name] for name in ("positive_iou", "negative_iou")}
    return with_true_boxes(proposals, **overlaps)
