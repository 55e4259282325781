"""What users write, for the type checker alone: nothing runs it, `mypy` reads it.

The annotations say what a type checker must find; where one is wrong, `make test` fails.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tb_keras
from tb_keras.batching import neighborhood_batches, region_batches
from tb_keras.datasets import load
from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.evaluation import RidgeBaseline, localization_metrics, retrieval_metrics
from tb_keras.features import encode_corpus, encode_images, encode_texts
from tb_keras.losses import BidirectionalRanking, bidirectional_ranking_loss
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.search import Index
from tb_keras.serving import Client, ExportedModel, export
from tb_keras.training import (
    RECIPES,
    Recipe,
    attach_losses,
    from_recipe,
    network_metrics,
    train_network,
)


def retrieval(directory: Path) -> dict[str, float]:
    train: tb_keras.Corpus = load("table", "pictures.csv", split="train")
    train = encode_corpus(train, "efficientnet_lite0", "minilm")
    held_out = load("table", "pictures.csv", split="validation")
    recipe: Recipe = RECIPES["retrieval", "embedding"]["small"]
    training = from_recipe(train, recipe, seed=0)
    training.model.fit(training.batches(0), epochs=2)
    network = train_network(train, held_out, recipe, directory, seed=1)
    return network_metrics(network, held_out)


def networks_by_hand(images: np.ndarray, texts: np.ndarray) -> np.ndarray:
    network = EmbeddingNetwork(image_dim=1280, text_dim=384, embedding_dim=64, dropout=0.25)
    model = attach_losses(network, BidirectionalRanking(margin=0.1))
    model.compile("adam")
    scores: np.ndarray = SimilarityNetwork(1280, 384, joint_dims=(16, 8)).score(images, texts)
    figures: dict[str, float] = retrieval_metrics(
        network.embed_images(images), network.embed_texts(texts), np.arange(len(texts))
    )
    assert figures["rsum"] <= 600
    bidirectional_ranking_loss(images, texts, np.eye(4, dtype=bool), margin=0.1, top_k=3)
    return scores


def batches(corpus: tb_keras.Corpus) -> None:
    neighborhood_batches(corpus, images_per_batch=8, texts_per_image=2, seed=1)
    region_batches(corpus, pictures_per_batch=4)
    if corpus.grounding is not None:
        boxes: np.ndarray = corpus.grounding.region_boxes
        localization_metrics(boxes, boxes, boxes)


def search_and_serve(network: EmbeddingNetwork, directory: Path) -> list[str]:
    images, texts = image_encoder("efficientnet_lite0"), text_encoder("minilm")
    features: np.ndarray = encode_images(["a.jpg"], "efficientnet_lite0")
    scores, rows = Index(network.embed_images(features)).search(
        network.embed_texts(encode_texts(["a dog"], "minilm")), k=5
    )
    version: Path = export(network, directory, images, texts)
    ExportedModel(version).embed_texts(["a dog"])
    Client("localhost:8501", "model").embed_images(["a.jpg", b"\xff\xd8"])
    return [f"{row} {score}" for row, score in zip(rows[0], scores[0])]


def baseline(train: tb_keras.Corpus, validation: tb_keras.Corpus) -> np.ndarray:
    return RidgeBaseline(train, validation).embed_texts(np.zeros((2, 384)))
