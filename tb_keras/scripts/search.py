"""Finds pictures for a text, and texts for a picture.

    tb-search --run=runs/mine "a sleeping cat" holiday.png
    tb-search --index=photos.index "a dog on a beach" --filter="year >= 2019"
    tb-search --index=photos.index --find=images holiday.png --distinct
    tb-search --model=savedmodels/openmoji --dataset=openmoji "a sleeping cat"
    tb-search --run=runs/mine --images=~/Pictures "a dog on a beach" --html=found.html

Searches in an index that tb-index keeps; or with the best network of a run or an exported model in
pictures that are encoded first. If you name no pictures, it searches all of the run's own data set.
Each argument is a query: the path of a picture file finds texts, or pictures where there are no
texts; anything else finds pictures. Answers are ranked by the dot product of the embeddings, best
first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from absl import flags

from tb_keras.corpus.corpus import Corpus
from tb_keras.scripts import data_flags
from tb_keras.scripts.own_data.column_flag import COLUMNS
from tb_keras.scripts.own_data.readable_pictures import (
    UNREADABLE,
    readable_corpus,
    readable_paths,
    skips,
)
from tb_keras.scripts.pages.search_page import write_search_page
from tb_keras.scripts.process.idle_flags import refuse
from tb_keras.scripts.run_main import run_main
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_data import load_corpus
from tb_keras.scripts.searching.best_answers import best_answers
from tb_keras.scripts.searching.model_source import ModelSource, quiet_model
from tb_keras.scripts.searching.places import KeptPlace, NewPlace, Place
from tb_keras.scripts.searching.queries import embedded_queries, is_picture_query
from tb_keras.scripts.searching.run_least_score import run_least_score
from tb_keras.scripts.searching.searched_collection import (
    Searched,
    searched_corpus,
    searched_folder,
)
from tb_keras.scripts.searching.second_ranking import SecondRanking
from tb_keras.search import ImageTextIndex

_RUN = flags.DEFINE_string("run", None, "Directory of a run that tb-train made.")
_MODEL = flags.DEFINE_string("model", None, "Directory of an exported model, instead of --run.")
_INDEX = flags.DEFINE_string("index", None, "Index of tb-index to search, instead of --run.")
_IMAGES = flags.DEFINE_string(
    "images", None, "Folder of pictures to search, with its subfolders; instead of --dataset."
)
_SPLIT = flags.DEFINE_string(
    "split",
    None,
    "Split to search; by default all of a run's own data set or of a table, else test.",
)
_K = flags.DEFINE_integer("k", 5, "Answers to each query.", lower_bound=1)
_FIND = flags.DEFINE_enum(
    "find", None, ["images", "texts"], "What to find; by default what the query is not."
)
_MINUS = flags.DEFINE_string(
    "minus", None, "Text to be far from: it is subtracted from each query."
)
_FILTER = flags.DEFINE_string(
    "filter", None, 'Condition on the attributes of an index, such as "year >= 2019".'
)
_LEAST_SCORE = flags.DEFINE_float("least_score", None, "Lowest score of an answer; by default any.")
_LEAST_PRECISION = flags.DEFINE_float(
    "least_precision",
    None,
    "Texts that find pictures: instead of --least_score, the lowest score at which this share of "
    "first answers is right on the run's validation split, where half of the texts have no match.",
)
_DISTINCT = flags.DEFINE_bool(
    "distinct", False, "Whether of nearly equal pictures or texts the best alone is an answer."
)
_RERANK = flags.DEFINE_string(
    "rerank",
    None,
    "Directory of the run whose similarity network ranks the first answers again, which may be "
    "that of --run; for texts that find pictures, and pictures that find texts.",
)
_CANDIDATES = flags.DEFINE_integer(
    "candidates", 100, "With --rerank: how many answers are ranked again.", lower_bound=1
)
_HTML = flags.DEFINE_string("html", None, "File to write a page to that shows the pictures.")
_OF_DATA = (data_flags.DATASET, data_flags.DATA, data_flags.DATASET_OPTIONS, COLUMNS, _SPLIT)
for _flag in (data_flags.DATASET, data_flags.DATA, COLUMNS, UNREADABLE):
    flags.declare_key_flag(_flag)  # so that --help shows it


class Answer(NamedTuple):
    """A query with its ranked answers.

    Attributes:
        query: a text, or the path of a picture.
        is_picture: whether the query is a picture.
        finds_pictures: whether the answers are.
        answers: (score, text or path of a picture), best first.
        names: of pictures among the answers, by path.
    """

    query: str
    is_picture: bool
    finds_pictures: bool
    answers: list[tuple[float, str]]
    names: dict[str, str]


def main(queries: list[str]) -> None:
    """Runs the script."""
    if not queries:
        raise ValueError('name what to search for, e.g. "a sleeping cat" or the path of a picture')
    if sum(flag.value is not None for flag in (_RUN, _MODEL, _INDEX)) != 1:
        raise ValueError("name either --run, --model or --index")
    if _INDEX.value is not None:
        refuse((_IMAGES, *_OF_DATA, UNREADABLE), "--run or --model")
    if _IMAGES.value is not None:
        refuse(_OF_DATA, "a data set, not with --images")
    if _RERANK.value is None:
        refuse((_CANDIDATES,), "--rerank")
    is_picture = [is_picture_query(query) for query in queries]
    if _LEAST_PRECISION.value is not None and (any(is_picture) or _FIND.value == "texts"):
        raise ValueError("--least_precision is for texts that find pictures")
    with contextlib.ExitStack() as stack:
        pictures = [q for q, picture in zip(queries, is_picture) if picture]
        model, place, source = _place(stack, pictures)
        least_score = _LEAST_SCORE.value
        if _LEAST_PRECISION.value is not None:
            least_score = run_least_score(source, _LEAST_PRECISION.value).score
        kinds = [_kind(place, picture) for picture in is_picture]
        again = None
        if _RERANK.value is not None:
            _check_rerank(kinds, is_picture)
            again = SecondRanking(source, _RERANK.value, _CANDIDATES.value)
        embeddings = embedded_queries(model, queries, is_picture, _MINUS.value)
        results = [
            _answer(place, *query, least_score, again)
            for query in zip(queries, embeddings, is_picture, kinds)
        ]
    for result in results:
        print(f"\n{result.query}")
        for rank, (score, answer) in enumerate(result.answers, start=1):
            name = f"{result.names[answer]}  " if answer in result.names else ""
            print(f"  {rank}. {score:6.3f}  {name}{answer}")
        if not result.answers:
            print("  nothing fits")
    if _HTML.value:
        write_search_page(_HTML.value, results)
        print(f"\nWrote {_HTML.value}")


def _kind(place: Place, is_picture: bool) -> str:
    """Returns what a query finds."""
    of = _FIND.value or ("texts" if is_picture and place.count("texts") else "images")
    if not place.count(of):
        raise ValueError(f"there are no {of} to search: name a --dataset or an --index with some")
    return of


def _check_rerank(kinds: Sequence[str], is_picture: Sequence[bool]) -> None:
    if any(picture == (of == "images") for picture, of in zip(is_picture, kinds)):
        raise ValueError("--rerank is for texts that find pictures, and pictures that find texts")
    for flag in (_MINUS, _LEAST_SCORE, _LEAST_PRECISION):
        if flag.value is not None:
            raise ValueError(f"--rerank does not go with --{flag.name}")


def _place(stack: contextlib.ExitStack, pictures: Sequence[str]):
    """Returns the model, where to look, and where the model comes from."""
    if _INDEX.value:
        readable_paths(pictures)
        index = stack.enter_context(ImageTextIndex(_INDEX.value))
        source = ModelSource.of(index.settings["source"])
        model = quiet_model(source, "tb-search")
        return model, KeptPlace(stack.enter_context(ImageTextIndex(_INDEX.value, model))), source
    source = ModelSource.named(_RUN.value, _MODEL.value)
    # A run without encoders cannot be searched, whatever pictures are named; an exported model
    # takes seconds to load, so it comes after what may be wrong with them.
    model = source.model("tb-search") if _RUN.value else None
    readable_paths(pictures)
    searched = _searched()
    model = model or source.model("tb-search")
    return model, NewPlace(model, searched), source


def _answer(
    place: Place,
    query: str,
    embedding: np.ndarray,
    is_picture: bool,
    of: str,
    least_score: float | None,
    again: SecondRanking | None,
) -> Answer:
    wanted = max(_K.value, again.candidates) if again else _K.value
    scores, ids = best_answers(
        place, embedding, wanted, of, _FILTER.value, least_score, _DISTINCT.value
    )
    shown = place.shown(ids.tolist(), of)
    if again and shown:
        scores, order = again.ranked(query, is_picture, scores, [answer for answer, _ in shown])
        scores, shown = scores[: _K.value], [shown[row] for row in order[: _K.value]]
    names = {answer: name for answer, name in shown if name}
    answers = list(zip(scores.tolist(), [answer for answer, _ in shown]))
    return Answer(query, is_picture, of == "images", answers, names)


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
