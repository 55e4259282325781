"""Zero-shot classification of pictures that lie in a folder for each class."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tb_keras.evaluation import MetricsTable, class_embeddings, classification_metrics
from tb_keras.scripts.own_data.readable_pictures import readable_paths, skips
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_model import RunModel
from tb_keras.serving import ExportedModel
from tb_keras.storage.pictures.picture_folder import picture_names

_COLUMNS = {
    "accuracy@1": "accuracy",
    "accuracy@5": "among the first 5",
    "mean_per_class": "mean of the classes",
}


def classification_table(
    run: Run, models: Sequence[str], folder: str, templates: Sequence[str]
) -> MetricsTable:
    """Returns how well a run's networks tell classes by their names.

    Args:
        run: of retrieval, with encoders.
        models: directories of exported models to measure, too.
        folder: a subfolder for each class has its pictures, and the class's name, in which "_"
            stands for a space.
        templates: sentences with `{}` where the name goes.

    Raises:
        NotADirectoryError: if `folder` is none.
        ValueError: if it has no subfolders with pictures, or a template is wrong.
    """
    names = picture_names(_checked(folder))
    classes = sorted({name.partition("/")[0] for name in names if "/" in name})
    names = [name for name in names if "/" in name]
    if not classes:
        raise ValueError(
            f"--classify must be a folder with one of pictures for each class. Received: {folder!r}"
        )
    paths = [str(Path(folder) / name) for name in names]
    class_of = dict(zip(paths, (classes.index(name.partition("/")[0]) for name in names)))
    paths = readable_paths(paths, skips(), folder)
    labels = np.array([class_of[path] for path in paths])
    words = [name.replace("_", " ") for name in classes]
    rows = {}
    for name, model in _models(run, models):
        pictures = model.embed_images(paths)
        embed = functools.partial(model.embed_texts, verbose=False)
        embedded = class_embeddings(embed, words, templates)
        rows[name] = classification_metrics(pictures, embedded, labels)
    title = f"Classes of {len(paths)} pictures by their {len(classes)} names"
    return MetricsTable(rows, _COLUMNS, title)


def _checked(folder: str) -> Path:
    path = Path(folder)
    if not path.is_dir():
        raise NotADirectoryError(f"--classify must be a folder. Received: {folder!r}")
    return path


def _models(run: Run, models: Sequence[str]) -> Iterator[tuple[str, RunModel | ExportedModel]]:
    for kind in run.networks():
        if kind != "similarity":  # its scores are no dot products
            yield kind, RunModel(run, kind)
    for directory in models:
        model = ExportedModel(directory)
        if model.network != "similarity":
            yield f"exported {model.path}", model
