"""Small corpora to learn from: both sides are noisy linear views of the same hidden vectors."""

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding

_HIDDEN, _FEATURES, _OBJECTS = 5, 7, 4


def retrieval_corpus(num_images, seed, noise=0.5):
    """Images with two texts each."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(num_images, _HIDDEN))
    image_of = np.repeat(np.arange(num_images), 2)
    images, texts = _views(hidden, hidden[image_of], noise, rng)
    return Corpus(image_of, image_features=images, text_features=texts)


def localization_corpus(num_pictures, seed, noise=0.5):
    """Pictures of four objects, each with one phrase and two regions (IoU 1 and 0.78) that match.

    Objects stand apart, so that there is no ignored pair.
    """
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(num_pictures * _OBJECTS, _HIDDEN))
    objects = np.arange(len(hidden))
    object_of = np.repeat(objects, 2)
    left = 20 * (object_of % _OBJECTS) + 2 * (np.arange(len(object_of)) % 2)
    grounding = Grounding(
        [f"{picture}.png" for picture in range(num_pictures)],
        np.full((num_pictures, 2), 100),
        object_of // _OBJECTS,
        _boxes(left),
        objects // _OBJECTS,
        _boxes(20 * (objects % _OBJECTS)),
    )
    images, texts = _views(hidden[object_of], hidden, noise, rng)
    return Corpus(
        grounding.matches_by_iou(),
        image_features=images,
        text_features=texts,
        grounding=grounding,
    )


def toy_corpus(task, size, seed):
    """Either of them; `size` is the number of pictures."""
    return {"retrieval": retrieval_corpus, "localization": localization_corpus}[task](size, seed)


def _views(of_images, of_texts, noise, rng):
    image_view, text_view = np.random.default_rng(99).normal(size=(2, _HIDDEN, _FEATURES))
    texts = of_texts @ text_view
    texts += noise * rng.normal(size=texts.shape)
    return (of_images @ image_view).astype("float32"), texts.astype("float32")


def _boxes(left):
    left = np.asarray(left, "float32")
    return np.stack([left, np.zeros_like(left), left + 16, np.full_like(left, 16)], axis=1)
