"""Networks and losses into a model for `fit`, and what watches over its training."""

from tb_keras.fused_adam import FusedAdam as FusedAdam
from tb_keras.training.attach_losses import attach_losses as attach_losses
from tb_keras.training.canonical_start import canonical_start as canonical_start
from tb_keras.training.corpus_evaluation import CorpusEvaluation as CorpusEvaluation
from tb_keras.training.gradient_caching import GradientCaching as GradientCaching
from tb_keras.training.network_checkpoint import NetworkCheckpoint as NetworkCheckpoint
from tb_keras.training.network_metrics import network_metrics as network_metrics
