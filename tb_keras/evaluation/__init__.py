"""Figures of retrieval and localization, as the field defines them."""

from tb_keras.evaluation.box_drawing import draw_boxes
from tb_keras.evaluation.corpus_localization import (
    corpus_localization_metrics,
    corpus_localization_metrics_by_category,
)
from tb_keras.evaluation.localization import localization_metrics, localization_metrics_by_category
from tb_keras.evaluation.metrics_table import MetricsTable
from tb_keras.evaluation.protocols import by_language, folds, mean_metrics
from tb_keras.evaluation.ranked_precision import (
    ranked_precision_metrics,
    ranked_precision_metrics_from_scores,
)
from tb_keras.evaluation.retrieval import retrieval_metrics, retrieval_metrics_from_scores

__all__ = [
    "MetricsTable",
    "by_language",
    "corpus_localization_metrics",
    "corpus_localization_metrics_by_category",
    "draw_boxes",
    "folds",
    "localization_metrics",
    "localization_metrics_by_category",
    "mean_metrics",
    "ranked_precision_metrics",
    "ranked_precision_metrics_from_scores",
    "retrieval_metrics",
    "retrieval_metrics_from_scores",
]


def __dir__() -> list[str]:
    return __all__
