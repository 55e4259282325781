"""A small localization corpus whose features hold row numbers, so that batches can be read back."""

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding


def numbered_regions(seed=0, pictures=10, most_regions=9, most_phrases=5, dtype="float32"):
    """Row r of each matrix holds r + 1 throughout; regions and phrases stand in no order.

    There are pictures without regions, phrases without a box, phrases that nothing matches, phrases
    that several regions match and ignored pairs.
    """
    rng = np.random.default_rng(seed)
    region_pictures = rng.permutation(
        np.repeat(np.arange(pictures), rng.integers(0, most_regions + 1, pictures))
    )
    phrase_pictures = rng.permutation(
        np.repeat(np.arange(pictures), rng.integers(0, most_phrases + 1, pictures))
    )
    # Regions at two places of a picture, phrases at three: boxes at one place are shifted against
    # each other by up to 3 pixels (a match, or ignored at 3), places lie far apart (negatives).
    region_left, phrase_left = (
        40 * rng.integers(0, places, len(rows)) + rng.integers(0, 4, len(rows))
        for places, rows in ((2, region_pictures), (3, phrase_pictures))
    )
    phrase_boxes = boxes_from(phrase_left)
    phrase_boxes[rng.random(len(phrase_boxes)) < 0.15] = np.nan
    grounding = Grounding(
        [f"{picture}.png" for picture in range(pictures)],
        np.full((pictures, 2), 100),
        region_pictures,
        boxes_from(region_left),
        phrase_pictures,
        phrase_boxes,
    )
    matches = grounding.matches_by_iou()
    images, texts = (np.arange(1, s + 1)[:, None] for s in (matches.num_images, matches.num_texts))
    return Corpus(
        matches,
        image_features=np.repeat(images, 3, axis=1).astype(dtype),
        text_features=np.repeat(texts, 2, axis=1).astype(dtype),
        grounding=grounding,
    )


def boxes_from(left):
    """Boxes of 8 × 8 pixels: a shift of 1 has IoU 0.78, of 2 has 0.6, of 3 has 0.45."""
    left = np.asarray(left, "float32")
    return np.stack([left, np.zeros_like(left), left + 8, np.full_like(left, 8)], axis=1)


def usable_phrases(corpus):
    """The indices of the phrases that some region matches."""
    return sorted({int(phrase) for _, phrase in corpus.matches.pairs})
