"""Networks that embed and score images and texts: Keras functional models without losses."""

from tb_keras.networks.embedding_network import EmbeddingNetwork
from tb_keras.networks.l2_normalization import L2Normalization
from tb_keras.networks.pair_scorer import PairScorer
from tb_keras.networks.reranker import Reranker
from tb_keras.networks.similarity_network import SimilarityNetwork
from tb_keras.networks.standardization import Standardization
from tb_keras.networks.starts.branch_start import BranchStart
from tb_keras.networks.starts.identity_start import IdentityStart
from tb_keras.networks.starts.joined_start import JoinedStart
from tb_keras.networks.starts.kernel_start import KernelStart
from tb_keras.networks.starts.linear_start import LinearStart
from tb_keras.networks.two_branch_network import TwoBranchNetwork

__all__ = [
    "BranchStart",
    "EmbeddingNetwork",
    "IdentityStart",
    "JoinedStart",
    "KernelStart",
    "L2Normalization",
    "LinearStart",
    "PairScorer",
    "Reranker",
    "SimilarityNetwork",
    "Standardization",
    "TwoBranchNetwork",
]


def __dir__() -> list[str]:
    return __all__
