"""Keras functional models: what is saved, indexed and served. No loss in them."""

from tb_keras.networks.embedding_network import EmbeddingNetwork as EmbeddingNetwork
from tb_keras.networks.l2_normalization import L2Normalization as L2Normalization
from tb_keras.networks.standardization import Standardization as Standardization
