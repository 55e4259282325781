"""Flickr30K Entities: the phrases of Flickr30K's captions, with boxes."""

from __future__ import annotations

import os
from pathlib import Path

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.datasets.formats.caption_lines import read_picture_list
from tb_keras.datasets.grounded_pictures import GroundedPictures, picture_path
from tb_keras.datasets.published.flickr30k_entities_files import read_annotations, read_sentences

_SPLIT_FILES = {"train": "train", "val": "val", "validation": "val", "test": "test"}


def load_flickr30k_entities(
    directory: str | os.PathLike,
    split: str = "test",
    texts: str = "phrases",
    picture_folder: str | os.PathLike = "flickr30k-images",
    check_pictures: bool = True,
) -> Corpus:
    """Reads Flickr30K Entities.

    The boxes in the files count pixels from 1 and include the last pixel. So the box `xmin, ymin,
    xmax, ymax` is read as `[xmin - 1, ymin - 1, xmax, ymax]`, and cut off at the border of the
    picture.

    Args:
        directory: the folder of the split lists `train.txt`, `val.txt` and `test.txt`, with a
            picture id on each line, and of `Sentences/ID.txt` and `Annotations/ID.xml` from
            `annotations.zip`.
        split: "train", "val" (or "validation") or "test".
        texts: "phrases" for phrases with boxes, "sentences" for whole sentences with whole
            pictures.
        picture_folder: the folder of the pictures `ID.jpg`, relative to `directory` or absolute.
        check_pictures: bool, whether all pictures must exist. Boxes and texts can be read without.

    Returns:
        For "phrases", a `Corpus` with `grounding`. Its images are the annotated boxes, and its
        texts are the phrases, each occurrence of a phrase for itself. A phrase matches every box of
        its entity, and its true box is their union. A phrase without a box matches nothing and has
        a row of NaN. The text attributes are
        "categories", a list of the phrase's categories out of "people", "clothing", "bodyparts",
        "animals", "vehicles", "instruments", "scene", "other" and "notvisual"; "sentence", the
        number of its sentence in its picture's file, from 0; "entity", its chain id, which phrases
        for the same thing in a picture share, "0" for what is not visual; and "picture", the id of
        its picture.

        The image attributes are "entities", a list of the chain ids that the box shows, and
        "picture". An entity that no sentence mentions matches nothing.

        For "sentences", a `Corpus` of `image_paths` and `texts`. The text attributes are "sentence"
        and "picture", and the image attribute is "picture".

    Raises:
        FileNotFoundError: if a file or a picture is not there.
        ValueError: if an argument is wrong, a file is damaged, a picture id comes twice, a bracket
            is out of place, or a box is wrong or outside its picture. The message names the file,
            and the line or object.

    Reference:
        Plummer, Wang, Cervantes, Caicedo, Hockenmaier and Lazebnik, "Flickr30k Entities", ICCV 2015
        and IJCV 123(1), 2017.

    Examples:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for file, text in {
        ...     "test.txt": "100",
        ...     "Sentences/100.txt": "[/EN#7/people A man] sees [/EN#0/notvisual it] .",
        ...     "Annotations/100.xml": "<annotation><size><width>99</width>"
        ...     "<height>80</height></size>"
        ...     "<object><name>7</name><bndbox><xmin>1</xmin><ymin>5</ymin><xmax>40</xmax>"
        ...     "<ymax>80</ymax></bndbox></object></annotation>",
        ... }.items():
        ...     (folder / file).parent.mkdir(exist_ok=True)
        ...     _ = (folder / file).write_text(text)
        >>> corpus = load_flickr30k_entities(folder, check_pictures=False)
        >>> corpus.texts, corpus.text_attributes["categories"]
        (['A man', 'it'], [['people'], ['notvisual']])
        >>> corpus.grounding.phrase_boxes.tolist()
        [[0.0, 4.0, 40.0, 80.0], [nan, nan, nan, nan]]
    """
    if split not in _SPLIT_FILES:
        raise ValueError(
            f"`split` must be one of {', '.join(_SPLIT_FILES)}. Received: {split!r:.80}"
        )
    if texts not in ("phrases", "sentences"):
        raise ValueError(f"`texts` must be 'phrases' or 'sentences'. Received: {texts!r:.80}")
    directory = Path(directory)
    pictures = {}
    split_file = directory / f"{_SPLIT_FILES[split]}.txt"
    for picture, where in read_picture_list(split_file):
        if picture in pictures:
            raise ValueError(f"{where}: the picture {picture!r:.80} comes twice")
        pictures[picture] = picture_path(
            directory / picture_folder, f"{picture}.jpg", where, check_pictures
        )
    return (_phrases if texts == "phrases" else _sentences)(directory, pictures)


def _phrases(directory: Path, pictures: dict[str, Path]) -> Corpus:
    gathered = GroundedPictures()
    for picture, path in pictures.items():
        file = directory / "Annotations" / f"{picture}.xml"
        annotations = read_annotations(file)
        index = gathered.add_picture(path, annotations.size)
        regions: dict[str, list[int]] = {}
        for number, entities, (left, top, right, bottom) in annotations.objects:
            region = gathered.add_region(
                index,
                [left - 1, top - 1, right, bottom],
                f"{file}, object {number}",
                entities=list(entities),
                picture=picture,
            )
            for entity in dict.fromkeys(entities):
                regions.setdefault(entity, []).append(region)
        for number, sentence in enumerate(_read_sentences(directory, picture)):
            for phrase in sentence.phrases:
                gathered.add_phrase(
                    index,
                    phrase.text,
                    regions.get(phrase.entity, []),
                    categories=list(phrase.categories),
                    sentence=number,
                    entity=phrase.entity,
                    picture=picture,
                )
    return gathered.corpus()


def _sentences(directory: Path, pictures: dict[str, Path]) -> Corpus:
    rows = [
        (image, number, picture, sentence.text)
        for image, picture in enumerate(pictures)
        for number, sentence in enumerate(_read_sentences(directory, picture))
    ]
    images, numbers, ids, texts = zip(*rows)
    return Corpus(
        Matches.of(images, len(pictures)),
        image_paths=[str(path) for path in pictures.values()],
        texts=list(texts),
        image_attributes={"picture": list(pictures)},
        text_attributes={"sentence": list(numbers), "picture": list(ids)},
    )


def _read_sentences(directory: Path, picture: str):
    return read_sentences(directory / "Sentences" / f"{picture}.txt")
