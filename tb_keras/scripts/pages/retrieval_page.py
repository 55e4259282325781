"""A page, in one file, of what a network got wrong in retrieval."""

from __future__ import annotations

import csv
import io
import os
from typing import NamedTuple

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.evaluation import draw_boxes
from tb_keras.evaluation.ranks import ranks_from_embeddings
from tb_keras.scripts.pages.rendering import data_uri, write_page
from tb_keras.scripts.runs.run import Run
from tb_keras.search import Index
from tb_keras.training.metrics import embedded_corpus

_QUERIES, _HUBS, _FIRST, _TEXTS = 12, 6, 3, 5  # shown, of each kind
_SIZE = 240  # pixels


class Query(NamedTuple):
    """A query whose matches were found late.

    Attributes:
        row: of the query.
        rank: of its best match, from 1.
        found: rows that came first.
        matches: rows of what belongs to it.
    """

    row: int
    rank: int
    found: list[int]
    matches: list[int]


class Hub(NamedTuple):
    """An image or text that comes first for many queries that it does not belong to.

    Attributes:
        row: of the image or text.
        times: how many these queries are.
        queries: rows of some of them.
    """

    row: int
    times: int
    queries: list[int]


def write_retrieval_page(path: str | os.PathLike, run: Run, corpus: Corpus, split: str) -> None:
    """Writes the page: the worst queries, hubs, and the curves of the training.

    Args:
        path: file of the page.
        run: with at least one network trained that embeds.
        corpus: a split with features, pictures and texts.
        split: its name.

    Raises:
        ValueError: if there are no pictures or texts, or no network that embeds.
    """
    kind = next((name for name in run.networks() if name != "similarity"), None)
    if kind is None or corpus.image_paths is None or corpus.texts is None:
        raise ValueError("--html needs pictures, texts and a network that embeds")
    network = run.network(kind, run.best_seed(kind))
    embedded = embedded_corpus(network, corpus)
    images, texts = embedded.image_features, embedded.text_features
    matches = corpus.matches
    image_ranks, text_ranks = ranks_from_embeddings(images, texts, matches)
    texts_found = Index(texts).search(images, min(_FIRST, len(texts)))[1]
    images_found = Index(images).search(texts, min(_FIRST, len(images)))[1]
    write_page(
        path,
        "retrieval.html",
        title=f"Retrieval: {run.name}",
        network=f"{kind} network",
        split=split,
        texts=corpus.texts,
        num_images=corpus.num_images,
        picture=lambda row: _picture(corpus.image_paths[row]),
        worst_texts=worst_queries(text_ranks, images_found, matches.transposed()),
        worst_images=worst_queries(image_ranks, texts_found, matches),
        hub_images=hubs(images_found[:, 0], matches.transposed()),
        hub_texts=hubs(texts_found[:, 0], matches),
        curves=_curves(run),
    )


def worst_queries(ranks: np.ndarray, found: np.ndarray, matches: Matches) -> list[Query]:
    """Returns the queries of the highest rank, worst first.

    Args:
        ranks: int `(q,)`, 0 for a query without a match.
        found: int `(q, k)`, the first k answers to each query.
        matches: between the queries, as its images, and the answers, as its texts.

    Examples:
        >>> worst_queries(np.array([1, 2]), np.array([[0], [0]]), Matches.of([0, 1]))[0]
        Query(row=1, rank=2, found=[0], matches=[1])
    """
    rows = np.argsort(-ranks, kind="stable")[:_QUERIES]
    return [
        Query(int(row), int(ranks[row]), found[row].tolist(), _matching(matches, row)[:_TEXTS])
        for row in rows
        if ranks[row] > 1
    ]


def hubs(first: np.ndarray, matches: Matches) -> list[Hub]:
    """Returns what comes first for the most queries without being their match.

    Args:
        first: int `(q,)`, the first answer to each query.
        matches: between the queries, as its images, and the answers, as its texts.

    Examples:
        >>> hubs(np.array([0, 0, 0]), Matches.of([0, 1, 2]))
        [Hub(row=0, times=2, queries=[1, 2])]
    """
    queries = np.arange(len(first))
    keys = queries * matches.num_texts + first
    known = matches.pairs[:, 0].astype(np.int64) * matches.num_texts + matches.pairs[:, 1]
    wrong = ~np.isin(keys, known)
    counts = np.bincount(first[wrong], minlength=matches.num_texts)
    rows = np.argsort(-counts, kind="stable")[:_HUBS]
    return [
        Hub(int(row), int(counts[row]), queries[wrong & (first == row)][:_FIRST].tolist())
        for row in rows
        if counts[row] > 1
    ]


def _matching(matches: Matches, row: int) -> list[int]:
    first, end = np.searchsorted(matches.pairs[:, 0], [row, row + 1])
    return matches.pairs[first:end, 1].tolist()


def _picture(path: str) -> str:
    image = draw_boxes(path, [], size=_SIZE)
    image.thumbnail((_SIZE, _SIZE))
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=85)
    return data_uri(jpeg.getvalue(), "image/jpeg")


def _curves(run: Run) -> str:
    """Returns a drawing of the validation figure of each network after each epoch, "" if none."""
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(8, 4), layout="constrained")
    axes = drawing.subplots()
    for kind in run.networks():
        for result in run.results(kind):
            file = run.seed_directory(kind, result["seed"]) / "history.csv"
            if not file.exists():  # fitted in closed form
                continue
            with file.open(newline="") as lines:
                figures = [float(line[result["monitor"]]) for line in csv.DictReader(lines)]
            epochs = range(1, len(figures) + 1)
            axes.plot(epochs, figures, "o-", label=f"{kind}, seed {result['seed']}")
    if not axes.lines:
        return ""
    axes.set_xlabel("epoch")
    axes.set_ylabel("rsum on the validation split")
    axes.legend()
    svg = io.BytesIO()
    drawing.savefig(svg, format="svg")
    return data_uri(svg.getvalue(), "image/svg+xml")
