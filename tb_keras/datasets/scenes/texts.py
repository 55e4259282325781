"""The texts of a scene: sentences about spatial relations, and phrases for its objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tb_keras.datasets.scenes.relations import RELATIONS, SUPERLATIVES, holds, only_one, superlative
from tb_keras.datasets.scenes.subjects import indefinite_article, is_plural

GAP = 0.04  # least clear difference of two places, as a share of the canvas's shorter side
SMALL, LARGE = 0.2, 0.36  # longer side of a small or a large object, as such a share

_SENTENCES = (3, 5)
_LEAST_PHRASES = 6
_WEIGHTS = {"name": 5.0, "attribute": 2.0, "relation": 3.0}  # how often each kind is chosen
_SPOKEN = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above",),
    "below": ("below",),
    "closest to": ("closest to",),
}


class Expression(NamedTuple):
    """A way to refer to an object.

    Attributes:
        text: the expression, without an article.
        kind: "name", "attribute" or "relation".
        landmark: the index of the other object that it mentions, or -1.
    """

    text: str
    kind: str
    landmark: int


class Phrase(NamedTuple):
    """An expression in use.

    Attributes:
        text: the phrase, with its article.
        object: the index of its object.
        kind: "name", "attribute" or "relation".
        sentence: the number of its sentence, or -1.
    """

    text: str
    object: int
    kind: str
    sentence: int


def expressions(
    names: Sequence[str], boxes: np.ndarray, width: int, height: int
) -> list[list[Expression]]:
    """Returns all expressions that clearly refer to one object, for each object.

    An object with a unique name has its name, its size if it is small or large, and its relations
    to other objects with unique names. One of several objects with the same name needs a comparison
    ("larger apple", "leftmost apple") or a relation ("apple left of the dog") that clearly holds
    for it and clearly not for the others. It may have no expression.

    Args:
        names: `k` strings. Objects of the same kind have the same name.
        boxes: int `(k, 4)` xyxy in pixels.
        width: int, width of the scene in pixels.
        height: int, height of the scene in pixels.

    Returns:
        A list of expressions for each object.

    Examples:
        >>> boxes = np.array([[0, 0, 80, 80], [200, 0, 280, 80], [100, 0, 180, 80]])
        >>> [[e.text for e in own] for own in expressions(["cow", "cow", "pig"], boxes, 300, 200)][
        ...     0
        ... ]
        ['leftmost cow', 'cow left of the pig', 'cow to the left of the pig']
    """
    gap = GAP * min(width, height)
    unique = [row for row, name in enumerate(names) if names.count(name) == 1]
    found: list[list[Expression]] = [[] for _ in names]
    for row in unique:
        side = (boxes[row, 2:] - boxes[row, :2]).max() / min(width, height)
        size = "small " * bool(side <= SMALL) + "large " * bool(side >= LARGE)
        found[row].append(Expression(names[row], "name", -1))
        if size:
            found[row].append(Expression(size + names[row], "attribute", -1))
    for name in dict.fromkeys(names):
        rows = [row for row, other in enumerate(names) if other == name]
        for word in SUPERLATIVES if len(rows) > 1 else ():
            chosen = superlative(word, boxes[rows], gap)
            if chosen is not None:
                if len(rows) > 2:
                    word = {"larger": "largest", "smaller": "smallest"}.get(word, word)
                found[rows[chosen]].append(Expression(f"{word} {name}", "attribute", -1))
        for landmark in (other for other in unique if other not in rows):
            for relation in RELATIONS if len(rows) > 1 else RELATIONS[:-1]:
                if len(rows) > 1:
                    chosen = only_one(relation, boxes[rows], boxes[landmark], gap)
                else:
                    chosen = 0 if holds(relation, boxes[rows], boxes[landmark], gap)[0] else None
                if chosen is not None:
                    found[rows[chosen]] += [
                        Expression(f"{name} {spoken} the {names[landmark]}", "relation", landmark)
                        for spoken in _SPOKEN[relation]
                    ]
    return found


def describe(
    names: Sequence[str], boxes: np.ndarray, width: int, height: int, rng: np.random.Generator
) -> tuple[list[str], list[Phrase]]:
    """Returns three to five sentences about a scene, and the phrases for its objects.

    A sentence says where one object is with respect to another. Objects that were named least come
    first. An expression for an object is one phrase, where it first occurs. Phrases without a
    sentence follow, for objects that share their name and are in no sentence, and to make up six
    phrases.

    Args:
        names: `k` strings. Objects of the same kind have the same name.
        boxes: int `(k, 4)` xyxy in pixels.
        width: int, width of the scene in pixels.
        height: int, height of the scene in pixels.
        rng: the random generator.

    Returns:
        The sentences, and a list of `Phrase`.

    Examples:
        >>> boxes = np.array([[0, 0, 60, 60], [200, 0, 260, 60]])
        >>> sentences, phrases = describe(["cow", "pig"], boxes, 300, 200, np.random.default_rng(1))
        >>> sentences[0], [(phrase.text, phrase.object) for phrase in phrases[:2]]
        ('The pig is right of the cow.', [('the pig', 1), ('the cow', 0)])
    """
    ways = expressions(names, boxes, width, height)
    facts = _facts(ways, boxes, GAP * min(width, height))
    sentences: list[str] = []
    phrases: list[Phrase] = []
    named = [0] * len(names)
    introduced: set[int] = set()
    told: set[tuple] = set()
    for _ in range(rng.integers(_SENTENCES[0], _SENTENCES[1] + 1)):
        left = [fact for fact in facts if fact not in told]
        if not left:
            break
        # A fact about two objects that were told of already is a last resort.
        costs = [
            named[a] + named[b] + 9 * any({a, b} == {*other[1:]} for other in told) + rng.random()
            for _, a, b in left
        ]
        relation, a, b = fact = left[int(np.argmin(costs))]
        told.add(fact)
        mentions = []
        for row, other in ((a, b), (b, a)):
            own = [expression for expression in ways[row] if expression.landmark != other]
            if row == b:  # two relations in a row are hard to read
                own = [expression for expression in own if expression.landmark < 0] or own
            expression = _chosen(own, phrases, rng)
            article = "the"
            if expression.landmark < 0 and names.count(names[row]) == 1 and row not in introduced:
                article = (indefinite_article(expression.text) or article, article)[rng.integers(2)]
            mentions.append((f"{article} {expression.text}", expression, row))
            named[row] += 1
            introduced |= {row, expression.landmark}
        spoken = _SPOKEN[relation][rng.integers(len(_SPOKEN[relation]))]
        sentences.append(_sentence(mentions[0][0], names[a], spoken, mentions[1][0], rng))
        for text, expression, row in mentions:
            if not _is_said(expression, row, phrases):
                phrases.append(Phrase(text, row, expression.kind, len(sentences) - 1))
    for row in sorted(range(len(names)), key=named.__getitem__):
        unsaid = [e for e in ways[row] if not _is_said(e, row, phrases)]
        needed = names.count(names[row]) > 1 and not named[row]
        if unsaid and (needed or len(phrases) < _LEAST_PHRASES):
            expression = _chosen(unsaid, phrases, rng)
            phrases.append(Phrase(f"the {expression.text}", row, expression.kind, -1))
    return sentences, phrases


def _facts(ways, boxes: np.ndarray, gap: float) -> list[tuple[str, int, int]]:
    """Returns the clear relations between objects that can be named without one another."""
    facts = []
    for relation in RELATIONS[:-1]:
        for b in range(len(boxes)):
            for a in np.flatnonzero(holds(relation, boxes, boxes[b], gap)).tolist():
                if all(
                    any(expression.landmark != other for expression in ways[row])
                    for row, other in ((a, b), (b, a))
                ):
                    facts.append((relation, a, b))
    return facts


def _chosen(own: Sequence[Expression], phrases: Sequence[Phrase], rng) -> Expression:
    kinds = [expression.kind for expression in own]
    weights = np.array([_WEIGHTS[kind] / kinds.count(kind) for kind in kinds])
    said = {_without_article(phrase.text) for phrase in phrases}
    weights *= [0.2 if expression.text in said else 1.0 for expression in own]
    return own[rng.choice(len(own), p=weights / weights.sum())]


def _sentence(first: str, name: str, relation: str, second: str, rng) -> str:
    verb = "are" if is_plural(name) else "is"
    if not first.startswith("the ") and rng.random() < 0.4:
        return f"There is {first} {relation} {second}."
    return f"{first[0].upper()}{first[1:]} {verb} {relation} {second}."


def _is_said(expression: Expression, row: int, phrases: Sequence[Phrase]) -> bool:
    said = ((phrase.object, _without_article(phrase.text)) for phrase in phrases)
    return (row, expression.text) in said


def _without_article(text: str) -> str:
    return text.split(" ", 1)[1]
