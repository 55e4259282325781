"""The losses of the part on the loss alone: each forward and backward, on given embeddings."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence

import numpy as np

MARGIN = 0.05
BLOCKS, ALL_AT_ONCE = "tb_keras, in blocks", "tb_keras, all at once"
MAX_VIOLATION = "tb_keras, max violation, in blocks"
VSE = "VSE++ max violation in PyTorch"
TRIPLETS = "TripletMarginLoss, TripletMarginMiner"
HARD_TRIPLETS = "TripletMarginLoss, BatchHardMiner"
ONE_WAY = "MultipleNegativesRankingLoss"
BOTH_WAYS = "MultipleNegativesRankingLoss, both directions"
_NEEDS = {
    BLOCKS: (),
    ALL_AT_ONCE: (),
    MAX_VIOLATION: (),
    VSE: ("torch",),
    HARD_TRIPLETS: ("torch", "pytorch_metric_learning"),
    TRIPLETS: ("torch", "pytorch_metric_learning"),
    ONE_WAY: ("torch", "sentence_transformers"),
    BOTH_WAYS: ("torch", "sentence_transformers"),
}


def installed() -> tuple[list[str], list[str]]:
    """Returns the methods whose packages are installed, and the packages that are not."""
    needed = sorted({package for packages in _NEEDS.values() for package in packages})
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    return [name for name, packages in _NEEDS.items() if not {*packages} & {*missing}], missing


def losses(names: Sequence[str], images: int, dim: int, block_rows: int) -> dict[str, Callable]:
    """Returns by name a call that computes a loss and its gradients in all embeddings.

    Args:
        names: of `installed`.
        images: how many, with two texts each; embeddings are of unit length, random.
        dim: of the embeddings.
        block_rows: anchors of a block.

    Returns:
        Calls that return the loss and the gradients, NumPy arrays. What a method makes of the
        relation between images and texts, masks or labels, is made with its first call and kept.
    """
    rng = np.random.default_rng(0)
    embeddings = [unit_rows(rng, count, dim) for count in (images, 2 * images)]
    calls = {}
    for name in names:
        make = _torch_loss if _NEEDS[name] else _own_loss
        calls[name] = _made_once(make, name, embeddings, block_rows)
    return calls


def pair_masks(images: int) -> dict:
    """Returns the bool masks of a batch with two texts of each image, TensorFlow tensors."""
    import tensorflow as tf

    of_image, of_text = tf.range(images), tf.range(2 * images) // 2
    return {
        "matches": of_image[:, None] == of_text,
        "negatives": of_image[:, None] != of_text,
        "text_negatives": of_text[:, None] != of_text,
        "image_negatives": of_image[:, None] != of_image,
    }


def unit_rows(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    """Returns random float32 `(count, dim)` of unit length."""
    rows = rng.standard_normal((count, dim), "float32")
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _made_once(make: Callable, *arguments) -> Callable:
    made = []

    def call():
        if not made:
            made.append(make(*arguments))
        return made[0]()

    return call


def _own_loss(name: str, embeddings: list[np.ndarray], block_rows: int) -> Callable:
    import tensorflow as tf

    from tb_keras.losses import bidirectional_ranking_loss

    settings = {"block_rows": None if name == ALL_AT_ONCE else block_rows, "margin": MARGIN}
    if name == MAX_VIOLATION:
        settings |= {"top_k": 1, "text_neighborhood_weight": 0.0, "text_anchor_weight": 1.0}
    masks = pair_masks(len(embeddings[0]))
    embeddings = [tf.constant(rows) for rows in embeddings]

    @tf.function
    def value_and_gradients(images, texts, masks):
        with tf.GradientTape() as tape:
            tape.watch((images, texts))
            loss = bidirectional_ranking_loss(images, texts, **masks, **settings)
        return loss, *tape.gradient(loss, (images, texts))

    return lambda: [part.numpy() for part in value_and_gradients(*embeddings, masks)]


def _torch_loss(name: str, embeddings: list[np.ndarray], block_rows: int) -> Callable:
    import torch

    torch.set_num_threads(2)
    images, texts = (torch.from_numpy(rows).requires_grad_() for rows in embeddings)
    makers = {VSE: _vse, TRIPLETS: _triplets, HARD_TRIPLETS: _triplets}
    loss_of = makers.get(name, _multiple_negatives)(name, torch.arange(len(texts)) // 2)

    def value_and_gradients():
        loss = loss_of(images, texts)
        return [
            part.detach().numpy() for part in (loss, *torch.autograd.grad(loss, [images, texts]))
        ]

    return value_and_gradients


def _vse(name: str, image_of_text) -> Callable:
    """Faghri et al., BMVC 2018, for several texts an image: mean over the matching pairs."""
    import torch

    of_images = torch.arange(len(image_of_text) // 2)
    matches = of_images[:, None] == image_of_text

    def loss(images, texts):
        scores = images @ texts.T
        own = scores[image_of_text, torch.arange(len(texts))]
        negatives = scores.masked_fill(matches, -torch.inf)
        of_images = torch.relu(MARGIN + negatives.amax(1)[image_of_text] - own)
        of_texts = torch.relu(MARGIN + negatives.amax(0) - own)
        return of_images.mean() + of_texts.mean()

    return loss


def _triplets(name: str, image_of_text) -> Callable:
    """The cross-modal use of pytorch-metric-learning, anchors of both views after one another."""
    import torch
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner

    triplets = TripletMarginLoss(margin=MARGIN)
    miner = TripletMarginMiner(margin=MARGIN) if name == TRIPLETS else BatchHardMiner()
    labels = torch.arange(len(image_of_text) // 2), image_of_text

    def loss(*embeddings):
        total = 0.0
        for view in (0, 1):
            rows = embeddings[view], labels[view]
            others = embeddings[1 - view], labels[1 - view]
            mined = miner(*rows, *others)
            total = total + triplets(*rows, mined, *others)
        return total

    return loss


def _multiple_negatives(name: str, image_of_text) -> Callable:
    """A pair for each text, as sentence-transformers takes them: an image's other text is wrong."""
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    both = {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
    loss = MultipleNegativesRankingLoss(model=None, **(both if name == BOTH_WAYS else {}))
    return lambda images, texts: loss.compute_loss_from_embeddings(
        [images[image_of_text], texts], labels=None
    )
