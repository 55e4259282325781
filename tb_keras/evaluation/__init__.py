"""Retrieval and localization figures as the field defines them."""

from tb_keras.evaluation.corpus_localization import (
    corpus_localization_metrics as corpus_localization_metrics,
)
from tb_keras.evaluation.corpus_localization import (
    corpus_localization_metrics_by_category as corpus_localization_metrics_by_category,
)
from tb_keras.evaluation.corpus_localization import padded_by_phrase as padded_by_phrase
from tb_keras.evaluation.localization import localization_metrics as localization_metrics
from tb_keras.evaluation.localization import (
    localization_metrics_by_category as localization_metrics_by_category,
)
from tb_keras.evaluation.retrieval import retrieval_metrics as retrieval_metrics
from tb_keras.evaluation.retrieval import (
    retrieval_metrics_from_scores as retrieval_metrics_from_scores,
)
