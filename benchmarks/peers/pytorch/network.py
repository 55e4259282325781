"""The embedding network in PyTorch, layer for layer as `tb_keras.networks.EmbeddingNetwork`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from tb_keras.networks import EmbeddingNetwork, Standardization


class TorchBranch(nn.Module):
    """Standardise → noise → Dense → BatchNorm → ReLU → Dropout → Dense → L2 norm.

    Args:
        feature_dim: size of the incoming features.
        hidden_dim: units of the hidden layer.
        embedding_dim: size of the embedding.
        dropout: rate in [0, 1) after the hidden layer.
        noise: standard deviation of Gaussian noise on the standardised features while training.
    """

    def __init__(
        self, feature_dim: int, hidden_dim: int, embedding_dim: int, dropout: float, noise: float
    ):
        super().__init__()
        self.register_buffer("mean", torch.zeros(feature_dim))
        self.register_buffer("deviation", torch.ones(feature_dim))
        self.noise = noise
        self.hidden = nn.Linear(feature_dim, hidden_dim)
        # PyTorch's momentum is the share of the new average, Keras's that of the old one.
        self.hidden_norm = nn.BatchNorm1d(hidden_dim, eps=1e-3, momentum=0.1)
        self.dropout = nn.Dropout(dropout)
        self.embedding = nn.Linear(hidden_dim, embedding_dim)
        for dense in (self.hidden, self.embedding):
            nn.init.xavier_uniform_(dense.weight)
            nn.init.zeros_(dense.bias)

    def standardize(self, features: ArrayLike) -> None:
        """Sets mean and deviation to those of `features`, float `(n, feature_dim)`."""
        layer = Standardization()
        layer.build((None, len(self.mean)))
        layer.adapt(features)
        self.mean.copy_(torch.from_numpy(np.array(layer.mean)))
        self.deviation.copy_(torch.from_numpy(np.array(layer.deviation)))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        standardized = (features - self.mean) / self.deviation
        if self.training and self.noise:
            standardized = standardized + self.noise * torch.randn_like(standardized)
        hidden = self.dropout(torch.relu(self.hidden_norm(self.hidden(standardized))))
        embedding = self.embedding(hidden).float()  # it comes as bfloat16 under autocast
        return embedding * torch.rsqrt((embedding * embedding).sum(1, keepdim=True) + 1e-12)


class TorchEmbeddingNetwork(nn.Module):
    """Maps image features and text features to embeddings of unit length in one space.

    The layers, their order, their constants and their initialisation (Glorot uniform, zero bias)
    are those of `tb_keras.networks.EmbeddingNetwork`, so that a comparison of speed or accuracy is
    one of the framework and the loss.

    Args:
        image_dim: size of the image features.
        text_dim: size of the text features.
        hidden_dim: units of each branch's hidden layer.
        embedding_dim: size of the embeddings.
        dropout: rate in [0, 1) after each hidden layer.
        noise: standard deviation of Gaussian noise on the standardised features while training.
    """

    def __init__(
        self,
        image_dim: int,
        text_dim: int,
        hidden_dim: int = 2048,
        embedding_dim: int = 512,
        dropout: float = 0.5,
        noise: float = 0.0,
    ):
        super().__init__()
        self.image_branch = TorchBranch(image_dim, hidden_dim, embedding_dim, dropout, noise)
        self.text_branch = TorchBranch(text_dim, hidden_dim, embedding_dim, dropout, noise)

    def standardize(self, image_features: ArrayLike, text_features: ArrayLike) -> None:
        """Sets both branches to standardise their features by the statistics of these ones.

        Args:
            image_features: float `(n, image_dim)`, those of the training images.
            text_features: float `(m, text_dim)`, those of the training texts.
        """
        self.image_branch.standardize(image_features)
        self.text_branch.standardize(text_features)

    def forward(
        self, images: torch.Tensor, texts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeds float32 `(n, image_dim)` and `(m, text_dim)`: two matrices, float32 unit rows."""
        return self.image_branch(images), self.text_branch(texts)

    def copy_weights(self, network: EmbeddingNetwork) -> None:
        """Takes over every weight of the Keras network of the same sizes, statistics included."""
        for name in ("image_branch", "text_branch"):
            branch, source = getattr(self, name), getattr(network, name)
            for dense in ("hidden", "embedding"):
                kernel, bias = source.get_layer(dense).get_weights()
                _copy(getattr(branch, dense).weight, kernel.T)
                _copy(getattr(branch, dense).bias, bias)
            norm = branch.hidden_norm
            kept = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
            for tensor, value in zip(kept, source.get_layer("hidden_norm").get_weights()):
                _copy(tensor, value)
            mean, deviation = source.get_layer("standardize").get_weights()
            _copy(branch.mean, mean)
            _copy(branch.deviation, deviation)


def _copy(tensor: torch.Tensor, value: np.ndarray) -> None:
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.array(value)))
