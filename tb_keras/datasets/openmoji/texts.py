"""The texts of the OpenMoji pictures: names, and keywords in English."""

from __future__ import annotations

import functools
import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tb_keras.datasets.formats.package_files import package_directory

TEXT_KINDS = ("name", "keywords", "keyword")


class EmojiText(NamedTuple):
    """A text of a picture.

    Attributes:
        emoji: the picture's emoji.
        text: the text.
        language: the code of its language.
        kind: one of `TEXT_KINDS`.
    """

    emoji: str
    text: str
    language: str
    kind: str


@functools.lru_cache(maxsize=1)
def english_words() -> dict[str, tuple[str, ...]]:
    """Returns the name of each emoji, followed by its distinct keywords.

    Returns:
        dict of emoji → strings, in the order of `em-keyboard`.

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
    """Returns the English texts of an emoji that are of some kinds.

    Examples:
        >>> [text.text for text in texts_in_english("🦏", ["name", "keywords"])]
        ['rhinoceros', 'animal, nature, horn, rhino']
    """
    name, *keywords = english_words()[emoji]
    of_kind = {"name": [name], "keywords": [", ".join(keywords)], "keyword": keywords}
    return [EmojiText(emoji, text, "en", kind) for kind in kinds for text in of_kind[kind] if text]


def names_in(language: str, emojis: Sequence[str]) -> list[EmojiText]:
    """Returns the names of some emoji in another language, as far as it has them.

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
    """Returns an emoji without U+FE0F, on which the packages do not agree.

    Examples:
        >>> without_presentation("❤️") == "❤"
        True
    """
    return emoji.replace("\ufe0f", "")


def cleaned(word: str) -> str:
    r"""Returns a name or keyword in plain writing; an emoticon or ornament becomes empty.

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
