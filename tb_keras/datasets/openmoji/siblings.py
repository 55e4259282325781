"""Groups of OpenMoji pictures that are too alike to be in different splits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tb_keras.datasets.openmoji.near_equal import near_equal_emojis
from tb_keras.datasets.openmoji.pictures import drawings
from tb_keras.datasets.openmoji.texts import english_words, texts_in_english, without_presentation

# Words for the variants of a subject: gender, age, direction, colour, size.
_VARIANT_WORDS = frozenset(
    "man men woman women person people boy girl child adult male female mr mrs mx santa s "
    "left right up down upwards downwards facing and "
    "red orange yellow green blue purple brown black white grey pink large medium small".split()
)
# Subjects whose variants have names without a common word.
_SAME_SUBJECT = {"prince": "with crown", "princess": "with crown", "breast feeding": "feeding baby"}

_JOINER = "\u200d"
_SKIN_TONES = dict.fromkeys(range(0x1F3FB, 0x1F400))
_GENDERS_HAIRS_DIRECTIONS = frozenset("♀♂⚧🦰🦱🦲🦳➡⬅↔↕")
_PEOPLE = dict.fromkeys(map(ord, "👨👩👦👧👴👵👱🧒🧓🧔"), "🧑")


def sibling_groups(directory: str | os.PathLike) -> np.ndarray:
    """Returns the group of each picture. Siblings have the same group.

    Siblings are pictures of the same subject in another skin tone, gender, hair, direction, colour
    or size, pictures with the same name or keywords, and pictures that look nearly the same. The
    siblings of siblings are siblings too.

    Args:
        directory: the folder that keeps the pairs of near-equal pictures, `near_equal.json`.

    Returns:
        int `(n,)`, in the order of `drawings()`. Groups are numbered from 0 as they appear.
    """
    emojis = list(drawings())
    near_equal = near_equal_emojis(emojis, Path(directory) / "near_equal.json")
    rows = {emoji: row for row, emoji in enumerate(emojis)}
    pairs = [(rows[left], rows[right]) for left, right in near_equal]
    return connected_groups(len(emojis), _same_subject_pairs(emojis) + pairs)


def subject(emoji: str) -> str:
    """Returns an emoji without skin tone, gender, hair and direction, and with all people alike.

    Examples:
        >>> subject("🏃‍♀️‍➡️"), subject("👩‍🚀"), subject("👨‍🦰"), subject("➡️")
        ('🏃', '🧑🚀', '🧑', '➡')
    """
    first, *joined = without_presentation(emoji).translate(_SKIN_TONES).split(_JOINER)
    kept = [part for part in joined if part not in _GENDERS_HAIRS_DIRECTIONS]
    return "".join([first, *kept]).translate(_PEOPLE)


def subject_name(name: str) -> str:
    """Returns a name without the words for gender, direction, colour and size.

    Examples:
        >>> subject_name("woman running facing right"), subject_name("green book")
        ('running', 'book')
    """
    if name in _SAME_SUBJECT:
        return _SAME_SUBJECT[name]
    return " ".join(word for word in name.split() if word.strip(",") not in _VARIANT_WORDS)


def connected_groups(size: int, pairs: Iterable[tuple[int, int]]) -> np.ndarray:
    """Returns the group of each member, where the two members of a pair belong together.

    Args:
        size: int, the number of members.
        pairs: pairs of members.

    Returns:
        int `(size,)`. Groups are numbered from 0 as they appear.

    Examples:
        >>> connected_groups(5, [(0, 3), (3, 4)]).tolist()
        [0, 1, 2, 0, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = np.array(list(pairs), int).reshape(-1, 2).T
    links = coo_array((np.ones(len(left)), (left, right)), (size, size))
    return connected_components(links, directed=False)[1]


def _same_subject_pairs(emojis: Sequence[str]) -> list[tuple[int, int]]:
    first: dict[tuple[str, str], int] = {}
    pairs = []
    for row, emoji in enumerate(emojis):
        keys = [("emoji", subject(emoji)), ("subject", subject_name(english_words()[emoji][0]))]
        keys += [("text", text.text) for text in texts_in_english(emoji, ["name", "keywords"])]
        pairs += [(first.setdefault(key, row), row) for key in keys]
    return pairs
