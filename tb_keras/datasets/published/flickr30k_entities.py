"""Flickr30K Entities: phrases of the Flickr30K sentences with the boxes that they name."""

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
    """Reads Flickr30K Entities as its authors publish it.

    The boxes in the files count pixels from 1 and include the last (the authors' MATLAB reader
    takes them as they are, their Python reader takes 1 off all four sides), so that `xmin, ymin,
    xmax, ymax` is here `[xmin - 1, ymin - 1, xmax, ymax]`, cut off at the picture's border.

    Args:
        directory: the folder of the split lists `train.txt`, `val.txt` and `test.txt` (a picture id
            a line) and of `Sentences/ID.txt` and `Annotations/ID.xml`, the unpacked
            `annotations.zip`.
        split: "train", "val" (or "validation") or "test".
        texts: "phrases", to localize them, or "sentences", whole sentences without mark-up, to
            match them with whole pictures.
        picture_folder: the folder of the pictures `ID.jpg`, relative to `directory` or absolute.
        check_pictures: whether every picture must be there. Boxes and texts can be read without.

    Returns:
        For "phrases" a `Corpus` of the annotated boxes (images), the phrases (texts) and their
        `grounding`. A phrase matches every box of its entity and its true box is their union; a
        phrase without one (not visual, the whole scene, not to be seen, or an entity without
        annotation) matches nothing and has a row of NaN. Every occurrence of a phrase is a row.
        `text_attributes`:

        - "categories": the coarse categories of each phrase, a list of "people", "clothing",
          "bodyparts", "animals", "vehicles", "instruments", "scene", "other" or "notvisual";
        - "sentence": the index of its sentence in its picture's file;
        - "entity": its chain id, the same for all phrases of a picture that mean the same; "0" for
          what is not visual;
        - "picture": its picture's id.

        `image_attributes`: "entities", a list of the chain ids that the box shows (that of an
        entity which no sentence mentions too: such a box matches nothing), and "picture".

        For "sentences" a `Corpus` of `image_paths` and `texts`; `text_attributes` are "sentence"
        and "picture", `image_attributes` "picture".

    Raises:
        FileNotFoundError: if a file or a picture is not there.
        ValueError: if an argument is none of the above, or a file is damaged: not in UTF-8, empty,
            cut off, a picture id twice, a bracket out of place, a box turned round or outside its
            picture; the message names the file, and the line or the object.

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
        raise ValueError(f"`split` must be one of {', '.join(_SPLIT_FILES)}. Received: {split!r}")
    if texts not in ("phrases", "sentences"):
        raise ValueError(f"`texts` must be 'phrases' or 'sentences'. Received: {texts!r}")
    directory = Path(directory)
    pictures = {}
    split_file = directory / f"{_SPLIT_FILES[split]}.txt"
    for picture, where in read_picture_list(split_file):
        if picture in pictures:
            raise ValueError(f"{where}: the picture {picture!r} stands there twice")
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
