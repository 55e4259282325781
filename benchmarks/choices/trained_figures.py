"""The figures of an embedding network after its last epoch, and the seconds of its training."""

from __future__ import annotations

import time

import keras

from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import retrieval_metrics
from tb_keras.training.metrics import network_metrics
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.recipe import Recipe


def trained_figures(
    train: Corpus,
    held_out: Corpus,
    recipe: Recipe,
    seed: int,
    text_encoder: keras.Model | None = None,
) -> dict[str, float]:
    """Trains a network and measures it on another corpus.

    Args:
        train: with both features.
        held_out: with both features; it also chooses the start, as a validation split does.
        recipe: of either network.
        seed: of the training.
        text_encoder: as `from_recipe` takes it.

    Returns:
        The figures of `network_metrics`; by the cosines of the branches' embeddings
        `t2t_recall@1` and `t2t_recall@10`, of the retrieval of an image's other texts by one of
        them, and `i2i_recall@1`, of the retrieval of a text's other images by one of them (0 where
        no text has two); and `seconds`.
    """
    network, model, batches = from_recipe(train, recipe, seed, text_encoder, held_out)
    started = time.monotonic()
    model.fit(batches(0), epochs=recipe.epochs, shuffle=False, verbose=0)
    seconds = time.monotonic() - started
    images = network.embed_images(held_out.image_features)
    texts = network.embed_texts(held_out.text_features)
    # By the network's own scores: a similarity network does not learn its branches' cosines.
    figures = network_metrics(network, held_out)
    within = retrieval_metrics(texts, texts, held_out.matches.text_neighbors())
    figures |= {f"t2t_recall@{k}": within[f"i2t_recall@{k}"] for k in (1, 10)}
    of_images = held_out.matches.transposed().text_neighbors()
    found = (
        retrieval_metrics(images, images, of_images)["i2t_recall@1"]
        if len(of_images.pairs)
        else 0.0
    )
    figures["i2i_recall@1"] = found
    return {**figures, "seconds": seconds}
