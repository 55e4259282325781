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
from tb_keras.evaluation.protocols import by_language as by_language
from tb_keras.evaluation.protocols import folds as folds
from tb_keras.evaluation.protocols import mean_metrics as mean_metrics
from tb_keras.evaluation.ranked_precision import (
    ranked_precision_metrics as ranked_precision_metrics,
)
from tb_keras.evaluation.ranked_precision import (
    ranked_precision_metrics_from_scores as ranked_precision_metrics_from_scores,
)
from tb_keras.evaluation.retrieval import retrieval_metrics as retrieval_metrics
from tb_keras.evaluation.retrieval import (
    retrieval_metrics_from_scores as retrieval_metrics_from_scores,
)
