"""The two files of each picture in Flickr30K Entities: sentences and annotations."""

from __future__ import annotations

import dataclasses
import os
import re
from xml.etree import ElementTree

from tb_keras.datasets.formats.text_files import read_text

_PHRASE = re.compile(
    r"\[/EN\#(?P<entity>[^\s/\[\]]+)(?P<categories>(?:/[^\s/\[\]]+)+)"
    r"\s(?P<text>[^\[\]]*[^\s\[\]])\s*\]"
)


@dataclasses.dataclass(frozen=True)
class Phrase:
    """A phrase of a sentence.

    Args:
        text: the phrase.
        entity: the chain id of its entity.
        categories: its categories.
    """

    text: str
    entity: str
    categories: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Sentence:
    """A sentence.

    Args:
        text: the sentence without mark-up.
        phrases: its phrases in order.
    """

    text: str
    phrases: tuple[Phrase, ...]


@dataclasses.dataclass(frozen=True)
class Annotations:
    """The size of a picture, and its annotated boxes.

    Args:
        size: width and height in pixels.
        objects: for each box, the number of its `<object>` from 1, the chain ids of the entities
            that it shows, and the box in the file, `(xmin, ymin, xmax, ymax)`.
    """

    size: tuple[int, int]
    objects: tuple[tuple[int, tuple[str, ...], tuple[int, ...]], ...]


def parse_sentence(line: str) -> Sentence:
    """Reads the mark-up of one sentence.

    Args:
        line: a sentence such as "[/EN#1/people A man] in [/EN#2/clothing a coat] .". A phrase may
            have several categories: "/EN#1/people/other".

    Raises:
        ValueError: if a bracket does not belong to such a phrase. The message names the column.

    Examples:
        >>> sentence = parse_sentence("[/EN#7/people A man] sees [/EN#0/notvisual it] .")
        >>> sentence.text
        'A man sees it .'
        >>> sentence.phrases[0]
        Phrase(text='A man', entity='7', categories=('people',))
    """
    phrases, pieces, end = [], [], 0
    for found in _PHRASE.finditer(line):
        text = " ".join(found["text"].split())
        categories = tuple(found["categories"][1:].split("/"))
        phrases.append(Phrase(text, found["entity"], categories))
        pieces += [line[end : found.start()], text]
        _check_no_bracket(line, end, found.start())
        end = found.end()
    _check_no_bracket(line, end, len(line))
    # One space between any two words, as in the authors' reader.
    return Sentence(" ".join(" ".join([*pieces, line[end:]]).split()), tuple(phrases))


def read_sentences(path: str | os.PathLike) -> list[Sentence]:
    """Reads `Sentences/ID.txt`, with a sentence on each line. Empty lines are left out.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file is not in UTF-8, a bracket does not belong to a phrase, or there is
            no sentence. The message names the line.
    """
    sentences = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        try:
            if line.strip():
                sentences.append(parse_sentence(line))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
    if not sentences:
        raise ValueError(f"{path} has no sentence")
    return sentences


def read_annotations(path: str | os.PathLike) -> Annotations:
    """Reads `Annotations/ID.xml`, with the picture's size and the boxes of its entities.

    An object without a `<bndbox>` is left out. It has `<scene>` or `<nobndbox>` instead.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file is damaged, lacks a part, or has a document type, which this format
            does not use and whose entities can grow without bound. The message names the line or
            the object.
    """
    text = read_text(path)
    if "<!DOCTYPE" in text:
        raise ValueError(f"{path}: expected no document type. Received: <!DOCTYPE")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"{path}, line {error.position[0]}: not XML ({error})") from error
    width, height = (_integer(root, f"size/{side}", str(path)) for side in ("width", "height"))
    if width < 1 or height < 1:
        raise ValueError(f"{path}: <size> must be positive. Received: {width} x {height}")
    objects = []
    for number, element in enumerate(root.findall("object"), 1):
        where = f"{path}, object {number}"
        entities = tuple((name.text or "").strip() for name in element.findall("name"))
        if not entities or not all(entities):
            raise ValueError(f"{where}: expected a <name>. Received: {list(entities)}")
        if element.find("bndbox") is not None:
            sides = ("xmin", "ymin", "xmax", "ymax")
            box = tuple(_integer(element, f"bndbox/{side}", where) for side in sides)
            objects.append((number, entities, box))
        elif element.find("scene") is None and element.find("nobndbox") is None:
            raise ValueError(f"{where}: expected <bndbox>, <scene> or <nobndbox>")
    return Annotations((width, height), tuple(objects))


def _check_no_bracket(line: str, start: int, end: int) -> None:
    bracket = re.search(r"[\[\]]", line[start:end])
    if bracket:
        column = start + bracket.start()
        raise ValueError(
            f"the bracket in column {column + 1} does not belong to a phrase of the form "
            f"[/EN#1/people a man]. Received: {line[column : column + 40]!r:.80}"
        )


def _integer(element: ElementTree.Element, tag: str, where: str) -> int:
    value = element.findtext(tag)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError(f"{where}: <{tag}> must be an integer. Received: {value!r:.80}") from None
