"""The model that an index was made with."""

from __future__ import annotations

import functools
from types import SimpleNamespace

from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_model import RunModel
from tb_keras.serving import ExportedModel


def source_model(source: str, script: str) -> SimpleNamespace:
    """Returns a model that embeds without a progress bar of its own.

    Args:
        source: `"--run=PATH"` or `"--model=PATH"`, as an index keeps it.
        script: for the error message.

    Returns:
        An object with `fingerprint`, `embed_images` and `embed_texts`.

    Raises:
        ValueError: if it is a similarity network.
    """
    kind, _, path = source.partition("=")
    model = RunModel(Run(path)) if kind == "--run" else ExportedModel(path)
    if model.network == "similarity":
        raise ValueError(f"{script} needs an embedding network; {path!r} has another")
    return SimpleNamespace(
        fingerprint=model.fingerprint,
        embed_images=functools.partial(model.embed_images, verbose=False),
        embed_texts=functools.partial(model.embed_texts, verbose=False),
    )
