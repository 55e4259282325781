"""Further tables of retrieval: all matches, folds, languages, extended ground truths."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping

from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import (
    by_language,
    folds,
    mean_metrics,
    ranked_precision_metrics,
    ranked_precision_metrics_from_scores,
)
from tb_keras.evaluation.metrics_table import COLUMNS, MetricsTable
from tb_keras.networks import EmbeddingNetwork, PairScorer, Reranker
from tb_keras.training.metrics import embedding_metrics

Embedded = tuple[PairScorer, Corpus]  # a network, and the corpus of its embeddings

_FOLDS = 5
_RANKED_PAIRS = 2**28  # whose negatives are sorted in half a minute
_COCO_5K = 5000  # test pictures, for which more matches are known
_GROUND_TRUTHS = {"original": "the captions' own images", "cxc": "CxC", "eccv": "ECCV Caption"}


def protocol_tables(
    settings: Mapping,
    corpus: Corpus,
    split: str,
    networks: Mapping[str, Embedded],
    figures: Mapping[str, Mapping[str, float]],
) -> dict[str, MetricsTable]:
    """Returns the tables that suit a data set, by their names in metrics.json.

    Args:
        settings: of the run.
        corpus: the split.
        split: name of the split.
        networks: the best network of each kind, and perhaps a reranker of two, each with a corpus
            whose features are its embeddings (`tb_keras.training.metrics.embedded_corpus`).
        figures: of the networks but rerankers on the whole split, by the same names.
    """
    tables = {}
    if corpus.num_images * corpus.num_texts <= _RANKED_PAIRS:
        tables["ranked"] = _ranked(corpus, networks, figures)
    if settings["dataset"] == "coco" and split == "test" and corpus.num_images >= _FOLDS:
        rows = {}
        for name, (network, embedded) in networks.items():
            parts = [embedding_metrics(network, part) for part in folds(embedded, _FOLDS)]
            rows[name] = mean_metrics(parts)
        size = folds(corpus, _FOLDS)[0].num_images
        title = f"Mean of {_FOLDS} folds of {size} images"
        tables["folds"] = MetricsTable(rows, title=title)
    if len(set(corpus.text_attributes.get("language", ()))) > 1:
        rows = {
            f"{name}, {language}": embedding_metrics(network, part)
            for name, (network, embedded) in networks.items()
            for language, part in by_language(embedded).items()
        }
        columns = {**COLUMNS["retrieval"], "mean_recall": "mean"}
        tables["languages"] = MetricsTable(rows, columns, "By language")
    if settings["dataset"] == "coco" and split == "test" and corpus.num_images == _COCO_5K:
        tables |= _extended(corpus, networks)
    return tables


def _ranked(
    corpus: Corpus,
    networks: Mapping[str, Embedded],
    figures: Mapping[str, Mapping[str, float]],
) -> MetricsTable:
    rows = {
        name: {**_ranked_precision(*networks[name], corpus.matches), **measured}
        for name, measured in figures.items()
    }
    headings = {"map@r": "mAP@R", "ndcg@10": "nDCG@10", "mrr": "MRR"}
    columns = {
        f"{way}_{figure}": f"{way} {name}"
        for way in ("i2t", "t2i")
        for figure, name in headings.items()
    }
    return MetricsTable(rows, columns, "All matches of a query, in percent")


def _extended(corpus: Corpus, networks: Mapping[str, Embedded]) -> dict[str, MetricsTable]:
    if importlib.util.find_spec("eccv_caption") is None:
        print("For CxC and ECCV Caption: pip install eccv_caption")
        return {}
    from tb_keras.datasets.published.coco_ground_truths import with_ground_truth

    rows = {}
    for truth, title in _GROUND_TRUTHS.items():
        extended = with_ground_truth(corpus, truth)
        queries = [extended.image_attributes["query"], extended.text_attributes["query"]]
        for name, embedded in networks.items():
            if isinstance(embedded[0], Reranker):
                continue  # its two directions have no scores in common
            row = _ranked_precision(*embedded, extended.matches, *queries)
            rows[f"{name}, {title}"] = row
    title = "Extended ground truths"
    return {"extended": MetricsTable(rows, "ranked_precision", title)}


def _ranked_precision(network: PairScorer, embedded: Corpus, *asked) -> dict[str, float]:
    embeddings = embedded.image_features, embedded.text_features
    if isinstance(network, EmbeddingNetwork):
        return ranked_precision_metrics(*embeddings, *asked)
    scores = functools.partial(network.fuse_blocks, *embeddings)
    return ranked_precision_metrics_from_scores(scores, *asked)
