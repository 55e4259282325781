"""Loss layers, each over a pure function of `keras.ops`."""

from tb_keras.losses.ranking import bidirectional_ranking_loss as bidirectional_ranking_loss
from tb_keras.losses.ranking_layer import BidirectionalRanking as BidirectionalRanking
