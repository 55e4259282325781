"""A callback that measures a network on a validation corpus after each epoch."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import TwoBranchNetwork
from tb_keras.training.metrics import network_metrics


class CorpusEvaluation(keras.callbacks.Callback):
    """Puts `val_rsum`, `val_i2t_recall@1` and the others of `retrieval_metrics` into the logs.

    For a corpus with a grounding the figures are those of `localization_metrics`, such as
    `val_recall@1`. List this callback before those that read the figures. `EarlyStopping` and
    `NetworkCheckpoint` need `mode="max"` for them.

    Args:
        network: the network that is trained, not the model with the losses.
        corpus: validation corpus with both features; it is evaluated as a whole.
        ks: the k of each recall@k.

    Examples:
        >>> import numpy as np
        >>> from tb_keras.networks import EmbeddingNetwork
        >>> network = EmbeddingNetwork(image_dim=3, text_dim=3, hidden_dim=4, embedding_dim=2)
        >>> corpus = Corpus(np.arange(5), image_features=np.eye(5, 3), text_features=np.eye(5, 3))
        >>> logs = {}
        >>> CorpusEvaluation(network, corpus).on_epoch_end(0, logs)
        >>> 0 <= logs["val_rsum"] <= 600
        True
    """

    def __init__(self, network: TwoBranchNetwork, corpus: Corpus, ks: Sequence[int] = (1, 5, 10)):
        super().__init__()
        self.network = network
        self.corpus = corpus
        self.ks = ks

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        metrics = network_metrics(self.network, self.corpus, self.ks)
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in metrics.items()})
