"""Loss layers, each over a pure function of `keras.ops`."""

from tb_keras.losses.logistic import pairwise_logistic_loss as pairwise_logistic_loss
from tb_keras.losses.logistic_layer import PairwiseLogistic as PairwiseLogistic
from tb_keras.losses.ranking import bidirectional_ranking_loss as bidirectional_ranking_loss
from tb_keras.losses.ranking_layer import BidirectionalRanking as BidirectionalRanking
