"""Networks and losses into a model for `fit`, and what watches over its training."""

from tb_keras.training.callbacks.corpus_evaluation import CorpusEvaluation
from tb_keras.training.callbacks.network_checkpoint import NetworkCheckpoint
from tb_keras.training.callbacks.training_progress import TrainingProgress
from tb_keras.training.canonical_networks import canonical_start
from tb_keras.training.fused_adam import FusedAdam
from tb_keras.training.gradient_caching import GradientCaching
from tb_keras.training.loss_attachment import attach_losses
from tb_keras.training.metrics import network_metrics
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.recipe import RECIPES, Recipe
from tb_keras.training.whole_training import train_network

__all__ = [
    "RECIPES",
    "CorpusEvaluation",
    "FusedAdam",
    "GradientCaching",
    "NetworkCheckpoint",
    "Recipe",
    "TrainingProgress",
    "attach_losses",
    "canonical_start",
    "from_recipe",
    "network_metrics",
    "train_network",
]


def __dir__() -> list[str]:
    return __all__
