"""Loss layers, each over a pure function of `keras.ops`."""

from tb_keras.losses.contrastive import info_nce_loss as info_nce_loss
from tb_keras.losses.contrastive import pairwise_sigmoid_loss as pairwise_sigmoid_loss
from tb_keras.losses.contrastive_layer import InfoNCE as InfoNCE
from tb_keras.losses.contrastive_layer import PairwiseSigmoid as PairwiseSigmoid
from tb_keras.losses.logistic import pairwise_logistic_loss as pairwise_logistic_loss
from tb_keras.losses.logistic_layer import PairwiseLogistic as PairwiseLogistic
from tb_keras.losses.ranking import bidirectional_ranking_loss as bidirectional_ranking_loss
from tb_keras.losses.ranking_layer import BidirectionalRanking as BidirectionalRanking
