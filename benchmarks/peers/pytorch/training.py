"""An epoch of training in PyTorch: the same network, loss, optimizer and number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from benchmarks.peers.pytorch.network import TorchEmbeddingNetwork
from benchmarks.peers.pytorch.ranking import ranking_loss
from tb_keras.corpus.corpus import Corpus


def torch_epochs(
    corpus: Corpus,
    images_per_batch: int,
    hidden_dim: int,
    embedding_dim: int,
    compiled: bool = False,
    bfloat16: bool = False,
    fused: bool = False,
    threads: int = 2,
) -> Callable[[], None]:
    """Returns a function that trains for an epoch: every text once, as its image's text.

    Args:
        corpus: in memory; image i has the texts 2i and 2i + 1.
        images_per_batch: images in a batch, each with both its texts.
        hidden_dim: units of the hidden layers.
        embedding_dim: size of the embeddings.
        compiled: run network and loss through `torch.compile`.
        bfloat16: run the network under bfloat16 autocast.
        fused: use PyTorch's one-pass kernel for Adam.
        threads: of PyTorch.
    """
    torch.set_num_threads(threads)
    features = [torch.from_numpy(corpus.image_features), torch.from_numpy(corpus.text_features)]
    dims = (view.shape[1] for view in features)
    network = TorchEmbeddingNetwork(*dims, hidden_dim, embedding_dim)
    network.standardize(corpus.image_features, corpus.text_features)
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, fused=fused)
    rng = np.random.default_rng(0)

    def batch_loss(images, texts, matches, negatives, text_negatives):
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            embeddings = network(images, texts)
        return ranking_loss(*embeddings, matches, negatives, text_negatives)

    step_loss = torch.compile(batch_loss) if compiled else batch_loss

    def epoch() -> None:
        for batch in _batches(*features, images_per_batch, rng):
            optimizer.zero_grad()
            step_loss(*batch).backward()
            optimizer.step()

    return epoch


def _batches(
    images: torch.Tensor, texts: torch.Tensor, images_per_batch: int, rng: np.random.Generator
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Two passes over all images: as many batches as the texts make anchors for."""
    for _ in range(2):
        order = rng.permutation(len(images))
        for start in range(0, len(order) - images_per_batch + 1, images_per_batch):
            rows = torch.from_numpy(order[start : start + images_per_batch])
            image_of_text = rows.repeat_interleave(2)
            matches = rows[:, None] == image_of_text
            of_other_images = image_of_text[:, None] != image_of_text
            text_rows = torch.stack([2 * rows, 2 * rows + 1], dim=1).flatten()
            yield images[rows], texts[text_rows], matches, ~matches, of_other_images
