"""Training: a network and a loss become a model for `fit`, by a recipe or step by step."""

from tb_keras.training.callbacks.corpus_evaluation import CorpusEvaluation
from tb_keras.training.callbacks.network_checkpoint import NetworkCheckpoint
from tb_keras.training.callbacks.training_progress import TrainingProgress
from tb_keras.training.confused_images import ConfusedImages
from tb_keras.training.fitted_starts import canonical_starts
from tb_keras.training.fused_adam import FusedAdam
from tb_keras.training.gradient_caching import GradientCaching
from tb_keras.training.interpolation import Interpolation, interpolate
from tb_keras.training.loss_attachment import attach_losses
from tb_keras.training.metrics import network_metrics
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.named_recipes import RECIPES
from tb_keras.training.recipes.published_recipes import PUBLISHED_RECIPES
from tb_keras.training.recipes.recipe import Recipe
from tb_keras.training.replicas.strategy import replica_strategy
from tb_keras.training.reranking.reranker_fitting import fit_reranker
from tb_keras.training.shared_space import identity_starts, shared_space_starts
from tb_keras.training.teachers import teacher_embeddings
from tb_keras.training.whole_training import train_network

__all__ = [
    "PUBLISHED_RECIPES",
    "RECIPES",
    "ConfusedImages",
    "CorpusEvaluation",
    "FusedAdam",
    "GradientCaching",
    "Interpolation",
    "NetworkCheckpoint",
    "Recipe",
    "TrainingProgress",
    "attach_losses",
    "canonical_starts",
    "fit_reranker",
    "from_recipe",
    "identity_starts",
    "interpolate",
    "network_metrics",
    "replica_strategy",
    "shared_space_starts",
    "teacher_embeddings",
    "train_network",
]


def __dir__() -> list[str]:
    return __all__
