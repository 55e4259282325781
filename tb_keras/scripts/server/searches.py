"""The server's answers: pictures and texts with their scores."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal
from urllib.parse import quote

import numpy as np
from fastapi import Query
from pydantic import BaseModel

from tb_keras.scripts.searching.best_answers import best_answers
from tb_keras.scripts.searching.places import KeptPlace
from tb_keras.search import ImageTextIndex

_ATTEMPTS = 20  # while others delete what was found


class Answer(BaseModel):
    """A picture or a text that was found.

    Attributes:
        id: its identifier in the index; a text is its own.
        score: the dot product with the query.
        picture: where the picture is served; None for a text.
        attributes: of a picture, by name.
    """

    id: str
    score: float
    picture: str | None
    attributes: dict[str, float | int | str | None]


class Answers(BaseModel):
    """The answers to a query.

    Attributes:
        answers: best first.
        more: whether there may be further ones.
    """

    answers: list[Answer]
    more: bool


@dataclasses.dataclass
class Options:
    """How an index is searched; the parameters of every request that searches."""

    of: Annotated[Literal["images", "texts"], Query(description="What to find.")] = "images"
    k: Annotated[int, Query(ge=1, le=200, description="How many answers, at most.")] = 24
    offset: Annotated[
        int, Query(ge=0, le=10_000, description="How many best ones to leave out.")
    ] = 0
    filter: Annotated[
        str | None,
        Query(max_length=1000, description="A condition on attributes, such as: year >= 2019"),
    ] = None
    least_score: Annotated[float | None, Query(description="Lowest score of an answer.")] = None
    distinct: Annotated[bool, Query(description="Whether near copies are left out.")] = False


def found(index: ImageTextIndex, query: np.ndarray, options: Options) -> Answers:
    """Returns the answers to a query.

    Items that another process deletes meanwhile are not among them.

    Args:
        index: to search in.
        query: float32 `(dim,)`.
        options: how to search.

    Raises:
        ValueError: if an option is wrong.
    """
    of, offset = options.of, options.offset
    for attempt in range(_ATTEMPTS):
        wanted = offset + options.k
        try:
            scores, ids = best_answers(
                KeptPlace(index),
                query,
                wanted,
                of,
                options.filter or None,
                options.least_score,
                options.distinct,
            )
            items = index.items(ids[offset:].tolist(), of)
        except ValueError:
            # A filter that is wrong stays so; an item that was deleted is not found again.
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        break
    answers = [
        Answer(
            id=item.id,
            score=score,
            picture=f"picture?id={quote(item.id, safe='')}" if of == "images" else None,
            attributes=item.attributes,
        )
        for score, item in zip(scores[offset:].tolist(), items)
    ]
    return Answers(answers=answers, more=len(ids) == wanted)
