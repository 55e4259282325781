"""Embedding networks trained by the losses of PyTorch packages, on the package's own batches."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.peers.accuracy.best_epoch import BestEpoch
from benchmarks.peers.pytorch.network import TorchEmbeddingNetwork
from tb_keras.batching.neighborhood_order import NeighborhoodOrder
from tb_keras.corpus.corpus import Corpus
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.recipe import Recipe

_SIZES = ("hidden_dim", "embedding_dim", "dropout", "noise")


def torch_trained(
    train: Corpus,
    validation: Corpus,
    recipe: Recipe,
    loss: Callable,
    texts_per_image: int | None,
    seed: int,
    seconds: float,
) -> tuple[Callable, Callable, float, int, int]:
    """Trains the embedding network in PyTorch.

    The images and texts of each batch, the optimizer and the learning rate of each step are those
    that `from_recipe` gives for the same seed.

    Args:
        train: with both features.
        validation: on which the best epoch is chosen.
        recipe: of the network, which starts from random weights, the batches and the optimizer;
            what it says of the loss is not used.
        loss: of embeddings `(n, dim)` and `(m, dim)`, the images' labels `(n,)` and the texts'
            `(m,)`: equal where image and text belong together.
        texts_per_image: how many of the batch's texts of each image to take, the anchor first; all
            if None.
        seed: of the weights, the dropout and the order of the batches.
        seconds: after which the training ends, if it has not before.

    Returns:
        Functions from image features and from text features to embeddings; the seconds of the
        training; how many steps it took, and would have taken, had the seconds sufficed.
    """
    optimizer = from_recipe(train, recipe, seed).model.optimizer
    usable = int(np.count_nonzero(train.matches.texts_per_image()))
    order = NeighborhoodOrder(
        train.matches, min(recipe.images_per_batch, usable), recipe.texts_per_image, seed
    )
    rates = _learning_rates(optimizer, order.num_batches * recipe.epochs)
    torch.manual_seed(seed)
    started = time.monotonic()
    dims = train.image_features.shape[1], train.text_features.shape[1]
    sizes = {name: getattr(recipe, name) for name in _SIZES}
    network = TorchEmbeddingNetwork(*dims, **sizes)
    network.standardize(train.image_features, train.text_features)
    adam = torch.optim.AdamW(
        network.parameters(),
        betas=(optimizer.beta_1, optimizer.beta_2),
        eps=optimizer.epsilon,
        weight_decay=optimizer.weight_decay or 0.0,
    )
    image_labels, text_labels = map(torch.from_numpy, labels_of(train))
    image_features, text_features = (
        torch.from_numpy(np.array(features, np.float32))
        for features in (train.image_features, train.text_features)
    )
    embed = _embedding(network.image_branch), _embedding(network.text_branch)
    best = BestEpoch(validation, *embed, lambda: copy.deepcopy(network.state_dict()))
    step = 0
    for epoch in range(recipe.epochs):
        batches = order.epoch(epoch)
        network.train()
        for images, texts in zip(batches.images, batches.texts):
            if time.monotonic() - started > seconds:
                break
            texts = texts.reshape(len(images), -1)[:, :texts_per_image].ravel()
            images, texts = torch.from_numpy(images), torch.from_numpy(texts[texts >= 0])
            adam.param_groups[0]["lr"] = rates[step]
            adam.zero_grad()
            embeddings = network(image_features[images], text_features[texts])
            loss(*embeddings, image_labels[images], text_labels[texts]).backward()
            adam.step()
            step += 1
        network.eval()
        best.look()
    if best.best is not None:
        network.load_state_dict(best.best)
    return *embed, time.monotonic() - started, step, len(rates)


def labels_of(corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """Returns a label for each image and each text, the same for all that hang together.

    Losses that take labels know no other relation: two pictures that share a text get one label.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    images, texts = corpus.matches.pairs.T
    nodes = corpus.num_images + corpus.num_texts
    entries = (np.ones(len(images), bool), (images, texts + corpus.num_images))
    labels = connected_components(coo_array(entries, shape=(nodes, nodes)), directed=False)[1]
    labels = labels.astype(np.int64)
    return labels[: corpus.num_images], labels[corpus.num_images :]


def triplet_loss(margin: float | None = None, miner: str = "multi_similarity") -> Callable:
    """Returns pytorch-metric-learning's triplet loss, of images as anchors and of texts.

    Args:
        margin: between Euclidean distances of unit vectors; None for the package's own value.
        miner: "multi_similarity", that of the package's introduction, "semihard" or "hard" triplets
            of all, or "batch_hard", the hardest for each anchor.
    """
    from pytorch_metric_learning import losses, miners

    settings = {} if margin is None else {"margin": margin}
    triplets = losses.TripletMarginLoss(**settings)
    if miner == "multi_similarity":
        mine = miners.MultiSimilarityMiner()
    elif miner == "batch_hard":
        mine = miners.BatchHardMiner()
    else:
        mine = miners.TripletMarginMiner(margin=triplets.margin, type_of_triplets=miner)

    def loss(images, texts, image_labels, text_labels):
        views = (images, image_labels), (texts, text_labels)
        return sum(
            triplets(*anchors, mine(*anchors, *others), *others)
            for anchors, others in (views, views[::-1])
        )

    return loss


def multiple_negatives_loss(scale: float = 20.0, directions: str = "one") -> Callable:
    """Returns sentence-transformers' MultipleNegativesRankingLoss, of an image and a text each.

    Args:
        scale: by which cosines are multiplied.
        directions: "one", its default, images as queries; or "both".
    """
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    settings = {}
    if directions == "both":
        settings["directions"] = ("query_to_doc", "doc_to_query")
        settings["partition_mode"] = "per_direction"
    ranking = MultipleNegativesRankingLoss(None, scale=scale, **settings)

    def loss(images, texts, image_labels, text_labels):
        del image_labels, text_labels  # it knows pairs alone
        return ranking.compute_loss_from_embeddings([images, texts], None)

    return loss


def _learning_rates(optimizer, steps: int) -> list[float]:
    rates = []
    for step in range(steps):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    return rates


def _embedding(branch: torch.nn.Module) -> Callable:
    def embed(features) -> np.ndarray:
        with torch.no_grad():
            return branch(torch.from_numpy(np.array(features, np.float32))).numpy()

    return embed
