"""Loss layers, each over a pure function of `keras.ops`."""

from tb_keras.losses.contrastive.layer import InfoNCE, PairwiseSigmoid
from tb_keras.losses.contrastive.loss import info_nce_loss, pairwise_sigmoid_loss
from tb_keras.losses.distillation.layer import Distillation
from tb_keras.losses.distillation.loss import distillation_loss
from tb_keras.losses.logistic.layer import PairwiseLogistic
from tb_keras.losses.logistic.loss import pairwise_logistic_loss
from tb_keras.losses.matryoshka import Matryoshka
from tb_keras.losses.ranking.layer import BidirectionalRanking
from tb_keras.losses.ranking.loss import bidirectional_ranking_loss

__all__ = [
    "BidirectionalRanking",
    "Distillation",
    "InfoNCE",
    "Matryoshka",
    "PairwiseLogistic",
    "PairwiseSigmoid",
    "bidirectional_ranking_loss",
    "distillation_loss",
    "info_nce_loss",
    "pairwise_logistic_loss",
    "pairwise_sigmoid_loss",
]


def __dir__() -> list[str]:
    return __all__
