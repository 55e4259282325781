"""Keras functional models: what is saved, indexed and served. No loss in them."""

from tb_keras.networks.embedding_network import EmbeddingNetwork as EmbeddingNetwork
from tb_keras.networks.l2_normalization import L2Normalization as L2Normalization
from tb_keras.networks.linear_network import LinearNetwork as LinearNetwork
from tb_keras.networks.pair_scorer import PairScorer as PairScorer
from tb_keras.networks.radial_basis import RadialBasis as RadialBasis
from tb_keras.networks.similarity_network import SimilarityNetwork as SimilarityNetwork
from tb_keras.networks.standardization import Standardization as Standardization
from tb_keras.networks.two_branch_network import TwoBranchNetwork as TwoBranchNetwork
