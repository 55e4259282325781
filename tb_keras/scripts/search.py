"""Finds pictures for a text, and texts for a picture.

    tb-search --run=runs/mine "a sleeping cat" holiday.png
    tb-search --model=savedmodels/openmoji --dataset=openmoji "a sleeping cat"
    tb-search --run=runs/mine --images=~/Pictures "a dog on a beach" --html=found.html

Searches with the best network of a run or with an exported model. If you name no pictures, it
searches all of the run's own data set. Each argument is a query: the path of a picture file finds
texts, anything else finds pictures. Answers are ranked by the dot product of the embeddings, best
first.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from absl import flags

from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.own.picture_folder import PICTURES
from tb_keras.scripts import data_flags
from tb_keras.scripts.own_data.column_flag import COLUMNS
from tb_keras.scripts.pages.search_page import write_search_page
from tb_keras.scripts.readable_pictures import (
    UNREADABLE,
    readable_corpus,
    readable_paths,
    skips,
)
from tb_keras.scripts.run_main import run_main
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_data import load_corpus
from tb_keras.scripts.runs.run_model import RunModel
from tb_keras.scripts.searched_collection import Searched, searched_corpus, searched_folder
from tb_keras.search import Index
from tb_keras.serving import ExportedModel
from tb_keras.storage.pictures.picture_reference import picture_exists

_RUN = flags.DEFINE_string("run", None, "Directory of a run that tb-train made.")
_MODEL = flags.DEFINE_string("model", None, "Directory of an exported model, instead of --run.")
_IMAGES = flags.DEFINE_string(
    "images", None, "Folder of pictures to search, with its subfolders; instead of --dataset."
)
_SPLIT = flags.DEFINE_string(
    "split",
    None,
    "Split to search; by default all of a run's own data set or of a table, else test.",
)
_K = flags.DEFINE_integer("k", 5, "Answers to each query.", lower_bound=1)
_HTML = flags.DEFINE_string("html", None, "File to write a page to that shows the pictures.")
for _flag in (data_flags.DATASET, data_flags.DATA, COLUMNS, UNREADABLE):
    flags.declare_key_flag(_flag)  # so that --help shows it


class Answer(NamedTuple):
    """A query with its ranked answers.

    Attributes:
        query: a text, or the path of a picture.
        is_picture: whether the query is a picture, so that the answers are texts.
        answers: (score, text or path of a picture), best first.
    """

    query: str
    is_picture: bool
    answers: list[tuple[float, str]]


def main(queries: list[str]) -> None:
    """Runs the script."""
    if not queries:
        raise ValueError('name what to search for, e.g. "a sleeping cat" or the path of a picture')
    if (_RUN.value is None) == (_MODEL.value is None):
        raise ValueError("name either --run or --model")
    is_picture = np.array([_is_picture(query) for query in queries])
    # First: a run without encoders cannot be searched, whatever pictures are named.
    model = RunModel(Run(_RUN.value)) if _RUN.value else None
    readable_paths([query for query, picture in zip(queries, is_picture) if picture])
    paths, texts, names = _searched()
    if is_picture.any() and not texts:
        raise ValueError("a picture as a query needs texts to search: name a --dataset")
    model = model or ExportedModel(_MODEL.value)
    if model.network == "similarity":
        raise ValueError(f"tb-search needs an embedding network; {str(model.path)!r} has another")
    answers: dict[str, list[tuple[float, str]]] = {}
    for asked, found_in, embed_query, embed_found in (
        (False, paths, model.embed_texts, model.embed_images),
        (True, texts, model.embed_images, model.embed_texts),
    ):
        mine = [query for query, picture in zip(queries, is_picture) if picture == asked]
        if mine:
            index = Index(embed_found(found_in))
            scores, rows = index.search(embed_query(mine), min(_K.value, len(found_in)))
            for query, score, row in zip(mine, scores.tolist(), rows):
                answers[query] = [(s, found_in[r]) for s, r in zip(score, row)]
    results = [Answer(q, bool(p), answers[q]) for q, p in zip(queries, is_picture)]
    for result in results:
        print(f"\n{result.query}")
        for rank, (score, answer) in enumerate(result.answers, start=1):
            name = f"{names[answer]}  " if answer in names else ""
            print(f"  {rank}. {score:6.3f}  {name}{answer}")
    if _HTML.value:
        write_search_page(_HTML.value, results, names)
        print(f"\nWrote {_HTML.value}")


def _is_picture(query: str) -> bool:
    kind, is_file = os.path.splitext(query)[1].lower(), os.path.isfile(query)
    if not is_file and picture_exists(query):  # in an archive
        return True
    if kind in PICTURES and not is_file:
        raise FileNotFoundError(f"there is no picture {query!r}")
    if kind and is_file and kind not in PICTURES:
        kinds = ", ".join(PICTURES)
        raise ValueError(f"{query!r} is no picture of a known kind ({kinds})")
    return kind in PICTURES


def _searched() -> Searched:
    if not _IMAGES.value:
        return searched_corpus(_corpus())
    found = searched_folder(_IMAGES.value)
    return found._replace(paths=readable_paths(found.paths, skips(), _IMAGES.value))


def _corpus() -> Corpus:
    if _RUN.value and data_flags.DATASET.value is None and data_flags.DATA.value is None:
        settings, split = Run(_RUN.value).settings, _SPLIT.value or "all"
    else:
        settings = data_flags.data_settings()
        split = _SPLIT.value or ("all" if settings["dataset"] == "table" else "test")
    return readable_corpus(load_corpus(settings, split), skips(settings), split)


if __name__ == "__main__":
    run_main("tb-search", main)
