"""Retrieval figures as the field defines them."""

from tb_keras.evaluation.retrieval import retrieval_metrics as retrieval_metrics
from tb_keras.evaluation.retrieval import (
    retrieval_metrics_from_scores as retrieval_metrics_from_scores,
)
