"""The subjects of the scenes: OpenMoji pictures of things that a phrase can name."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from tb_keras.datasets.openmoji.pictures import drawings
from tb_keras.datasets.openmoji.siblings import subject as without_variant
from tb_keras.datasets.openmoji.texts import english_words, without_presentation

# The order of `em-keyboard` is that of Unicode's charts, so neighbours are things of one kind. Each
# emoji begins a run with a category. A run with "-" is left out: gestures, symbols, signs, buttons,
# flags, clock faces, comic marks.
_RUNS = """
😀 faces  😺 animals  💋 other  💟 -  💔 other  💯 -  🕳️ other  💬 -  💪 body  👶 people  🗣️ -
👣 other  🐵 animals  💐 nature  🍇 food  🥢 objects  🌍 nature  🗺️ objects  🏔️ places  ♨️ -
🎠 places  🚂 vehicles  🚏 places  ⚓ vehicles  🛎️ objects  🕛 -  🌑 nature  🌡️ objects  ☀️ nature
🌂 objects  ⚡ nature  🎃 activities  ♠️ -  ♟️ activities  🧵 objects  👓 clothing  📿 objects  🏧 -
🥲 faces  🤌 -  🫀 body  🥷 people  🐈‍⬛ animals  🪴 nature  🫐 food  🪨 nature  🛖 places
🛻 vehicles  🛼 activities  🪡 objects  🩴 clothing  🪗 objects  ⚧️ -  😶‍🌫️ faces  ❤️‍🔥 other
🧔‍♂️ people  🫠 faces  🫱 -  🫦 body  🫅 people  🪸 nature  🫘 food  🫙 objects  🛝 places
🛞 objects  🟰 -  🫨 faces  🩷 other  🫷 -  🫎 animals  🪻 nature  🫚 food  🪭 objects  🪯 -
🙂‍↔️ faces  🚶‍➡️ -  🐦‍🔥 animals  🍋‍🟩 food  ⛓️‍💥 objects  🫩 faces  🫜 food  🪉 objects
🫪 faces  🫯 -  🫈 people  🫍 animals  🛘 nature  🪊 objects
"""
# Better names, which say what is seen.
_RENAMED = {
    "rolling on the floor laughing": "laughing face",
    "star struck": "star-struck face",
    "face vomiting": "vomiting face",
    "face exhaling": "exhaling face",
    "lady beetle": "ladybug",
    "two hump camel": "two-humped camel",
    "t rex": "t-rex",
    "person blond hair": "blond person",
    "man beard": "bearded man",
    "breast feeding": "breastfeeding woman",
    "horse racing": "jockey on a horse",
    "four leaf clover": "four-leaf clover",
    "high voltage": "lightning bolt",
    "globe showing europe africa": "globe showing europe and africa",
    "globe showing americas": "globe showing the americas",
    "globe showing asia australia": "globe showing asia and australia",
    "leafy green": "leafy vegetable",
    "cooking": "frying pan",
    "mate": "mate drink",
    "ice": "ice cube",
    "hourglass done": "hourglass",
    "hourglass not done": "hourglass with flowing sand",
    "speaker low volume": "speaker with low volume",
    "speaker medium volume": "speaker with medium volume",
    "speaker high volume": "speaker with high volume",
    "rolled up newspaper": "rolled-up newspaper",
    "chart increasing": "rising chart",
    "chart decreasing": "falling chart",
    "chart increasing with yen": "rising chart with yen",
    "tear off calendar": "tear-off calendar",
    "locked": "padlock",
    "unlocked": "open padlock",
    "locked with pen": "padlock with pen",
    "locked with key": "padlock with key",
    "link": "chain link",
    "x ray": "x-ray",
    "camping": "campsite",
    "building construction": "building site",
    "wedding": "wedding chapel",
    "construction": "construction barrier",
    "small airplane": "propeller airplane",
    "metro": "metro train",
    "light rail": "light rail train",
    "station": "train station",
    "airplane departure": "departing airplane",
    "airplane arrival": "arriving airplane",
    "jack o lantern": "jack-o'-lantern",
    "tennis": "tennis ball",
    "bowling": "bowling ball",
    "cricket game": "cricket bat",
    "field hockey": "field hockey stick",
    "ice hockey": "ice hockey stick",
    "lacrosse": "lacrosse stick",
    "ping pong": "ping-pong paddle",
    "badminton": "badminton racket",
    "flag in hole": "golf hole with flag",
    "direct hit": "bullseye",
    "yo yo": "yo-yo",
    "video game": "game controller",
    "joker": "joker card",
    "mahjong red dragon": "mahjong tile",
    "performing arts": "theater masks",
    "t shirt": "t-shirt",
    "woman s clothes": "blouse",
}
_UNNAMEABLE = frozenset(
    {"kiss", "mrs claus", "mx claus", "mount fuji", "foggy", "night with stars", "pouring liquid"}
    | {"globe with meridians", "mobile phone with arrow", "currency exchange", "heavy dollar sign"}
    | {"e mail", "envelope with arrow", "bell with slash"}
)
_LISTS_OF_PEOPLE = ("family ", "kiss ", "couple with heart ")  # "family man woman girl boy"
_MASSES = frozenset(
    "bread, baguette bread, bacon, broccoli, butter, canned food, cooked rice, coral, curry rice, "
    "custard, dna, dango, fire, fog, fondue, garlic, ginger root, luggage, money with wings, oden, "
    "popcorn, sake, salt, santa claus, shaved ice, soap, spaghetti, sushi, thread, wood, "
    "yarn".split(", ")
)
_SMALL_WORDS = frozenset("a and at by in no of on s the to with without".split())


class Subject(NamedTuple):
    """A thing that scenes show.

    Attributes:
        emoji: its emoji.
        name: its name, a noun such as "red apple".
        category: the plural or mass noun of its kind, such as "animals" or "food".
    """

    emoji: str
    name: str
    category: str


@functools.lru_cache(maxsize=1)
def subjects() -> dict[str, Subject]:
    """Returns the subject of each picture that shows a thing with its own name.

    Gestures, symbols, signs, buttons, flags, clock faces and plain shapes are left out. So are
    families and couples that differ in their members only, and names that nobody would say of a
    thing. Of variants in gender, hair and direction, and of pictures with the same name, only the
    first one stays. Some names become nouns, such as "padlock" for "locked".

    Returns:
        dict of emoji → `Subject`.

    Examples:
        >>> subjects()["🦏"], "➡️" in subjects()
        (Subject(emoji='🦏', name='rhinoceros', category='animals'), False)
    """
    runs = dict(zip(*[iter(_RUNS.split())] * 2))
    found, seen, names, category = {}, set(), set(), "-"
    for emoji in drawings():
        category = runs.get(emoji, category)
        name = english_words()[emoji][0]
        kind = without_variant(emoji)
        variant = len(without_presentation(emoji)) > 1 and kind in seen
        nameable = name not in _UNNAMEABLE and not name.startswith(_LISTS_OF_PEOPLE)
        if category != "-" and nameable and not variant and name not in names:
            found[emoji] = Subject(emoji, _as_noun(name), category)
        seen.add(kind)
        names.add(name)
    return found


def confusable(left: Subject, right: Subject) -> bool:
    """Returns whether the name of a subject may be taken for the other, so that no scene has both.

    Their names share a word, or the name of one is a keyword of the other.

    Examples:
        >>> dog, service_dog, wolf = (subjects()[emoji] for emoji in ("🐕", "🐕‍🦺", "🐺"))
        >>> confusable(dog, service_dog), confusable(service_dog, wolf)
        (True, False)
    """
    shared = (_words(left.name) & _words(right.name)) - _SMALL_WORDS
    return bool(shared) or any(
        one.name in english_words()[other.emoji] for one, other in ((left, right), (right, left))
    )


@functools.lru_cache(maxsize=4096)
def is_plural(name: str) -> bool:
    """Returns whether a name goes with "are".

    Examples:
        >>> [
        ...     is_plural(name)
        ...     for name in ("cherries", "cactus", "face with tears", "fork and knife")
        ... ]
        [True, False, False, True]
    """
    head = re.split(r" (?:with|without|in|of|on|at|over|showing|behind) ", name)[0]
    if " and " in head or head.split()[0] in ("people", "men", "women"):
        return True
    plural = head.endswith("s") and not head.endswith(("ss", "us", "is", "os"))
    return plural and head.split()[0] not in ("person", "man", "woman")


def indefinite_article(phrase: str) -> str:
    """Returns "a" or "an", or "" for plurals and mass nouns.

    Examples:
        >>> [
        ...     indefinite_article(name)
        ...     for name in ("apple", "unicorn", "hourglass", "jeans", "salt")
        ... ]
        ['an', 'a', 'an', '', '']
    """
    name = re.sub(r"^(?:small|large) ", "", phrase)
    if is_plural(name) or name in _MASSES:
        return ""
    if re.match(r"uni|eu|ew|one|uk", phrase):
        return "a"
    return "an" if re.match(r"[aeiou]|hour|x-", phrase) else "a"


def _as_noun(name: str) -> str:
    return _RENAMED.get(name, re.sub(r" s\b", "'s", name))


@functools.lru_cache(maxsize=4096)
def _words(name: str) -> frozenset[str]:
    # Without the plural's s, so that "heart" and "hearts" are the same word.
    return frozenset(word.rstrip("s") for word in re.split(r"[^\w]+", name))
