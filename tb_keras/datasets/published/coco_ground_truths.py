"""Extended ground truths of MSCOCO's test pictures: Crisscrossed Captions and ECCV Caption."""

from __future__ import annotations

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.datasets.formats.package_files import package_directory
from tb_keras.datasets.formats.text_files import read_json

GROUND_TRUTHS = ("original", "cxc", "eccv")


def with_ground_truth(corpus: Corpus, ground_truth: str) -> Corpus:
    """Returns MSCOCO's 5,000 test pictures, or some of them, with the matches of a ground truth.

    People found more matches than the five captions written for each picture. There are three
    ground truths:

    - "original": each caption's own picture, 25,000 pairs;
    - "cxc": Crisscrossed Captions, 35,585 pairs of all pictures and nearly all captions;
    - "eccv": ECCV Caption, 22,550 pairs, judged for 1,261 pictures and 1,332 captions. Only these
      are queries. Other pictures and captions have matches too, but not all that they should have,
      so they must not be queries.

    All pictures and captions stay candidates. The attribute "query" of images and of texts says
    which are queries. Pass it to the figures, which are wrong otherwise:

        truth = with_ground_truth(corpus, "eccv")
        ranked_precision_metrics(images, texts, truth.matches, truth.image_attributes["query"],
                                 truth.text_attributes["query"])

    Args:
        corpus: a `Corpus` from `load_coco` with the split "test", or a part of it. Matches whose
            picture or caption it lacks are left out. Two pairs of ECCV Caption have a caption that
            is not among the first five of its picture.
        ground_truth: "original", "cxc" or "eccv".

    Returns:
        The corpus with other matches and the attributes "query", bool.

    Raises:
        ValueError: if `ground_truth` is unknown, or the corpus has no ids or a picture that is not
            among the 5,000.
        ModuleNotFoundError: if the package eccv_caption, which holds the files, is not installed.

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
    # A pair is in the first file if its image is a query, in the second if its text is one.
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
    """Returns the row of each id, in the order of the rows."""
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
