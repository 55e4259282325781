"""Extended ground truths for MSCOCO's test pictures: Crisscrossed Captions and ECCV Caption."""

from __future__ import annotations

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.datasets.formats.package_files import package_directory
from tb_keras.datasets.formats.text_files import read_json

GROUND_TRUTHS = ("original", "cxc", "eccv")


def with_ground_truth(corpus: Corpus, ground_truth: str) -> Corpus:
    """Returns MSCOCO's 5,000 test pictures, or some of them, with another ground truth's matches.

    People judged more pairs to belong together than the five captions written for each picture:

    - "original": the captions' own pictures, 25,000 pairs;
    - "cxc": Crisscrossed Captions, 35,585 pairs, of all pictures and nearly all captions;
    - "eccv": ECCV Caption, judged for 1,261 pictures and 1,332 captions. Only those are queries.
      The pictures and captions that belong to them, 3,269 pictures among them, have matches too but
      not all that they should have: as queries they must be left out.

    Every picture and every caption stays a candidate. The image attribute "query" and the text
    attribute "query" say what is a query; where all of "eccv" is asked, figures are wrong:

        truth = with_ground_truth(corpus, "eccv")
        ranked_precision_metrics(images, texts, truth.matches, truth.image_attributes["query"],
                                 truth.text_attributes["query"])

    Args:
        corpus: of `tb_keras.datasets.load("coco", split="test")`, or a part of it, with MSCOCO's
            image ids as image attribute "id" and its annotation ids as text attribute "id". A match
            whose picture or caption is not in the corpus is left out: so are two of the 22,550
            pairs of ECCV Caption whose caption is not among the first five of its picture.
        ground_truth: one of these three.

    Raises:
        ValueError: if `ground_truth` is none of these, the corpus lacks its ids, or holds a picture
            that is not among those 5,000.
        ModuleNotFoundError: if the package eccv_caption, which brings the files, is not installed.

    Reference:
        Parekh, Baldridge, Cer, Waters and Yang, *Crisscrossed Captions*, EACL 2021 (arXiv
        2004.15020); Chun, Kim, Park, Chang and Oh, *ECCV Caption*, ECCV 2022 (arXiv 2204.03359).

    Examples:
        >>> corpus = Corpus(
        ...     [0], image_attributes={"id": [391895]}, text_attributes={"id": [770337]}
        ... )
        >>> with_ground_truth(corpus, "original").image_attributes["query"]
        array([ True])
    """
    if ground_truth not in GROUND_TRUTHS:
        raise ValueError(
            f"`ground_truth` must be one of {', '.join(GROUND_TRUTHS)}. Received: {ground_truth!r}"
        )
    images = _places("image", corpus.image_attributes)
    texts = _places("text", corpus.text_attributes)
    data = package_directory("eccv_caption", "eccv_caption") / "data"
    known = read_json(data / "original_image_to_caption.json")
    unknown = next((image for image in images if str(image) not in known), None)
    if unknown is not None:
        raise ValueError(
            f"`corpus` must be of MSCOCO's 5,000 test pictures. Received: picture {unknown}"
        )
    of_images = read_json(data / f"{ground_truth}_image_to_caption.json")
    of_texts = read_json(data / f"{ground_truth}_caption_to_image.json")
    # Where both ends of a pair are queries, both files have it: together they are one relation.
    pairs = {(int(image), text) for image, matching in of_images.items() for text in matching}
    pairs |= {(image, int(text)) for text, matching in of_texts.items() for image in matching}
    found = [(images[i], texts[t]) for i, t in pairs if i in images and t in texts]
    asked_images = np.array([str(image) in of_images for image in images], bool)
    asked_texts = np.array([str(text) in of_texts for text in texts], bool)
    return corpus.replace(
        matches=Matches(found, corpus.num_images, corpus.num_texts),
        image_attributes={**corpus.image_attributes, "query": asked_images},
        text_attributes={**corpus.text_attributes, "query": asked_texts},
    )


def _places(view: str, attributes) -> dict[int, int]:
    """The row of each id, in the order of the rows."""
    if "id" not in attributes:
        raise ValueError(
            f"`corpus` must have the {view} attribute 'id' that MSCOCO gives. "
            f"Received: {sorted(attributes)}"
        )
    ids = [int(id) for id in attributes["id"]]
    places = {id: row for row, id in enumerate(ids)}
    if len(places) < len(ids):
        raise ValueError(f"`corpus` must have distinct ids. Received: an {view} id twice")
    return places
