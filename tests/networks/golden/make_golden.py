"""Makes the golden files: a saved network of each kind, and what it answers.

    python -m tests.networks.golden.make_golden

Run it only for a new kind, or for a format that can no longer be read: files of before must load.
"""

import zipfile
from pathlib import Path

import keras
import numpy as np

from tb_keras.encoders import word_encoder
from tb_keras.networks import EmbeddingNetwork, KernelStart, LinearStart, SimilarityNetwork

FOLDER = Path(__file__).parent
IMAGE_DIM, TEXT_DIM, DIM, WORDS = 6, 4, 3, 9


def linear_start(rng, dim):
    return LinearStart(rng.normal(size=dim), rng.uniform(0.5, 2, dim), rng.normal(size=(dim, DIM)))


def kernel_start(rng, dim):
    landmarks = rng.normal(size=(5, dim))
    landmarks /= np.linalg.norm(landmarks, axis=1, keepdims=True)
    mean, deviation = rng.normal(size=dim), rng.uniform(0.5, 2, dim)
    return KernelStart(
        mean, deviation, landmarks, 0.7, rng.random(5), rng.normal(size=(5, DIM)), scale=0.8
    )


def networks(rng):
    """A network of each kind, by the name of its file."""
    sizes = {"image_dim": IMAGE_DIM, "text_dim": TEXT_DIM, "hidden_dim": 4}

    def starts(kind):
        return {"image_start": kind(rng, IMAGE_DIM), "text_start": kind(rng, TEXT_DIM)}

    def words():
        return word_encoder("attended_words", WORDS, dim=3, units=2)

    joint = {"joint_dims": (4, 2)}
    return {
        "embedding": EmbeddingNetwork(**sizes, embedding_dim=DIM, noise=0.5),
        "linear_start": EmbeddingNetwork(**sizes, **starts(linear_start)),
        "kernel_start": EmbeddingNetwork(**sizes, **starts(kernel_start)),
        "cca": EmbeddingNetwork(**{**sizes, "hidden_dim": 0}, **starts(linear_start)),
        "similarity": SimilarityNetwork(**sizes, embedding_dim=DIM, **joint),
        "similarity_kernel_start": SimilarityNetwork(**sizes, **joint, **starts(kernel_start)),
        "text_encoder": EmbeddingNetwork(**sizes, embedding_dim=DIM, text_encoder=words()),
        "similarity_text_encoder": SimilarityNetwork(
            **sizes, embedding_dim=DIM, **joint, text_encoder=words()
        ),
    }


def scramble(network, rng):
    """Gives every weight a value that is not its first one; those of a start have theirs."""
    for weight in network.weights:
        if "start" not in weight.path and np.issubdtype(weight.dtype, np.floating):
            spread = weight.name in ("deviation", "moving_variance", "gamma")
            weight.assign(rng.uniform(0.5 if spread else -1.5, 1.5, weight.shape))


def features(rng):
    """Features of images and of texts, and word indices for a text encoder."""
    return {
        "images": rng.normal(size=(7, IMAGE_DIM)),
        "texts": rng.normal(size=(7, TEXT_DIM)),
        "words": rng.integers(0, WORDS, (7, TEXT_DIM)),
    }


def answers(network, images, texts, words):
    """What a network says of pairs of features."""
    texts = texts if network.text_encoder is None else words
    return {
        "images": network.embed_images(images),
        "texts": network.embed_texts(texts),
        "scores": network.score(images, texts),
    }


def compress(file):
    """Keras writes its zip files without compression, which would be ten times as large."""
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def main():
    rng = np.random.default_rng(0)
    asked = features(rng)
    kept = dict(asked)
    for name, network in networks(rng).items():
        scramble(network, rng)
        network.save(FOLDER / f"{name}.keras")
        compress(FOLDER / f"{name}.keras")
        kept |= {f"{name}/{part}": values for part, values in answers(network, **asked).items()}
    np.savez_compressed(FOLDER / "answers.npz", **kept)


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    main()
