"""The texts of the OpenMoji pictures: English names and keywords, names in more languages."""

from __future__ import annotations

import functools
import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tb_keras.datasets.formats.package_files import package_directory

TEXT_KINDS = ("name", "keywords", "keyword")


class EmojiText(NamedTuple):
    """One text of one picture; `kind` is one of `TEXT_KINDS`."""

    emoji: str
    text: str
    language: str
    kind: str


@functools.lru_cache(maxsize=1)
def english_words() -> dict[str, tuple[str, ...]]:
    """Returns emoji → (its name, then its distinct keywords), in the order of `em-keyboard`.

    Examples:
        >>> english_words()["🦏"]
        ('rhinoceros', 'animal', 'nature', 'horn', 'rhino')
    """
    path = package_directory("em", "em-keyboard") / "emojis.json"
    words = json.loads(path.read_text(encoding="utf-8"))
    return {
        emoji: tuple(dict.fromkeys(clean for word in own if (clean := cleaned(word))))
        for emoji, own in words.items()
    }


def texts_in_english(emoji: str, kinds: Iterable[str]) -> list[EmojiText]:
    """Returns the English texts of one emoji, of the given kinds.

    Examples:
        >>> [text.text for text in texts_in_english("🦏", ["name", "keywords"])]
        ['rhinoceros', 'animal, nature, horn, rhino']
    """
    name, *keywords = english_words()[emoji]
    of_kind = {"name": [name], "keywords": [", ".join(keywords)], "keyword": keywords}
    return [EmojiText(emoji, text, "en", kind) for kind in kinds for text in of_kind[kind] if text]


def names_in(language: str, emojis: Sequence[str]) -> list[EmojiText]:
    """Returns the names of some emoji in a language other than English, where it has them.

    Examples:
        >>> names_in("es", ["🐈"])
        [EmojiText(emoji='🐈', text='gato', language='es', kind='name')]
    """
    import emoji as emoji_package

    emoji_package.config.load_language(language)
    names = {
        without_presentation(emoji): entry[language]
        for emoji, entry in emoji_package.EMOJI_DATA.items()
        if language in entry
    }
    found = ((emoji, names.get(without_presentation(emoji))) for emoji in emojis)
    return [
        EmojiText(emoji, cleaned(name.strip(":")), language, "name")
        for emoji, name in found
        if name
    ]


def known_languages() -> tuple[str, ...]:
    """Returns the codes of all languages with names, English first."""
    import emoji as emoji_package

    return tuple(emoji_package.LANGUAGES)


def without_presentation(emoji: str) -> str:
    """Returns `emoji` without U+FE0F, which the packages set each in their own way.

    Examples:
        >>> without_presentation("❤️") == "❤"
        True
    """
    return emoji.replace("\ufe0f", "")


def cleaned(word: str) -> str:
    r"""Returns a word of the packages as a reader writes it; empty for an emoticon or ornament.

    Examples:
        >>> cleaned("grinning_face"), cleaned("✒\xa0fountain"), cleaned(":d")
        ('grinning face', 'fountain', '')
    """
    if word.startswith(":"):
        return ""  # an emoticon such as :d
    word = "".join(" " if _is_ornament(character) else character for character in word)
    word = " ".join(word.split())
    return word if any(character.isalnum() for character in word) else ""


def _is_ornament(character: str) -> bool:
    return character in "_“”\ufe0f" or unicodedata.category(character) == "So"
