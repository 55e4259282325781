"""Flickr8k with features, as the benchmarks on photographs use it."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from absl import flags

from tb_keras.corpus import Corpus, Matches
from tb_keras.datasets import load
from tb_keras.encoders import fit_text_encoder
from tb_keras.features import encode_corpus, encode_texts

_DATA = flags.DEFINE_string("data", None, "Directory of Flickr8k.", required=True)
_PICTURES = flags.DEFINE_string("pictures", None, "Directory of its pictures, if not its own.")
_IMAGES = flags.DEFINE_integer("images", None, "Images of each split, if not all.")
SEEDS = flags.DEFINE_integer("seeds", 3, "How many seeds.")
EPOCHS = flags.DEFINE_integer("epochs", None, "Epochs, if not the setting's.")
DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

IMAGE_ENCODER = "efficientnet_lite0_levels"
SEEN = (
    "MiniLM was trained on the captions of Flickr30K and COCO, and nearly all photographs of "
    "Flickr8k are in Flickr30K. It has seen which captions belong together, those of the "
    "validation and test photographs too. `tfidf` is fitted to the training captions alone."
)


@functools.cache
def flickr8k(
    split: str,
    image_encoder: str = IMAGE_ENCODER,
    texts: str = "minilm",
    crops: int = 1,
    max_tokens: int = 128,
    dropped: float = 0.0,
) -> Corpus:
    """Returns a split with its features.

    Args:
        split: as `load_flickr8k` takes it.
        image_encoder: as `encode_corpus` takes it.
        texts: as `encode_corpus` takes it, or "tfidf", which is fitted to the captions of the
            training split.
        crops: as `encode_corpus` takes it.
        max_tokens: as `encode_corpus` takes it, for a text encoder without its last layers.
        dropped: if not 0, every caption is there again with this share of its words left out.
    """
    corpus = _captions(split)
    if dropped:
        corpus = _with_words_dropped(corpus, dropped)
    if texts == "tfidf":
        corpus = corpus.replace(text_features=encode_texts(corpus.texts, _tfidf()))
    cut = {"max_tokens": max_tokens} if texts.endswith("]") else {}
    return encode_corpus(corpus, image_encoder, texts, crops=crops, **cut)


def some_images(corpus: Corpus, count: int) -> Corpus:
    """Returns images drawn at random, always the same ones, with their texts.

    Those of a smaller count are among those of a larger one.
    """
    if count >= corpus.num_images:
        return corpus
    return corpus.subset(images=np.random.default_rng(0).permutation(corpus.num_images)[:count])


def _captions(split: str) -> Corpus:
    options = {"pictures": _PICTURES.value} if _PICTURES.value else {}
    corpus = load("flickr8k", _DATA.value, split, **options)
    return some_images(corpus, _IMAGES.value or corpus.num_images)


def _with_words_dropped(corpus: Corpus, share: float) -> Corpus:
    rng = np.random.default_rng(0)
    again = [" ".join(w for w in text.split() if rng.random() >= share) for text in corpus.texts]
    pairs = corpus.matches.pairs
    both = np.concatenate([pairs, pairs + np.array([0, corpus.num_texts])])
    matches = Matches(both, corpus.num_images, 2 * corpus.num_texts)
    return Corpus(matches, image_paths=corpus.image_paths, texts=[*corpus.texts, *again])


@functools.cache
def _tfidf():
    return fit_text_encoder("tfidf", _captions("train").texts).encoder
