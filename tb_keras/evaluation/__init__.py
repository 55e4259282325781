"""Figures of retrieval and localization, as the field defines them."""

from tb_keras.evaluation.baselines.chance import chance_metrics
from tb_keras.evaluation.baselines.kernel_cca_baseline import KernelCCABaseline
from tb_keras.evaluation.baselines.localization_baselines import (
    cosine_region_scores,
    largest_region_scores,
    localization_recall_at_1,
    random_region_scores,
)
from tb_keras.evaluation.baselines.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.evaluation.baselines.ridge_baseline import RidgeBaseline, retrieval_rsum
from tb_keras.evaluation.baselines.zero_shot_baseline import ZeroShotBaseline
from tb_keras.evaluation.box_drawing import draw_boxes
from tb_keras.evaluation.classification import class_embeddings, classification_metrics
from tb_keras.evaluation.hits_by_picture import retrieval_hits
from tb_keras.evaluation.localization.corpus_figures import (
    corpus_localization_metrics,
    corpus_localization_metrics_by_category,
    localization_hits,
)
from tb_keras.evaluation.localization.region_scores import (
    localization_metrics,
    localization_metrics_by_category,
)
from tb_keras.evaluation.metrics_table import MetricsTable
from tb_keras.evaluation.picture_bootstrap import Difference, paired_difference
from tb_keras.evaluation.protocols import by_language, folds, mean_metrics
from tb_keras.evaluation.ranked_precision import (
    ranked_precision_metrics,
    ranked_precision_metrics_from_scores,
)
from tb_keras.evaluation.reranked import reranked_retrieval_metrics
from tb_keras.evaluation.retrieval import retrieval_metrics, retrieval_metrics_from_scores

__all__ = [
    "Difference",
    "KernelCCABaseline",
    "MetricsTable",
    "RegularizedCCABaseline",
    "RidgeBaseline",
    "ZeroShotBaseline",
    "by_language",
    "chance_metrics",
    "class_embeddings",
    "classification_metrics",
    "corpus_localization_metrics",
    "corpus_localization_metrics_by_category",
    "cosine_region_scores",
    "draw_boxes",
    "folds",
    "largest_region_scores",
    "localization_hits",
    "localization_metrics",
    "localization_metrics_by_category",
    "localization_recall_at_1",
    "mean_metrics",
    "paired_difference",
    "random_region_scores",
    "ranked_precision_metrics",
    "ranked_precision_metrics_from_scores",
    "reranked_retrieval_metrics",
    "retrieval_hits",
    "retrieval_metrics",
    "retrieval_metrics_from_scores",
    "retrieval_rsum",
]


def __dir__() -> list[str]:
    return __all__
