"""What the server answers: pictures and texts with their scores."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np
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


def found(
    index: ImageTextIndex,
    query: np.ndarray,
    *,
    of: str,
    k: int,
    offset: int,
    filter: str | None,
    least_score: float | None,
    distinct: bool,
) -> Answers:
    """Returns the answers to a query, from `offset` on.

    What another process deletes meanwhile is not among them.

    Args:
        index: to search in.
        query: float32 `(dim,)`.
        of: `"images"` or `"texts"`.
        k: how many, at most.
        offset: how many best ones are left out.
        filter: as `ImageTextIndex.search` takes it.
        least_score: as in `best_answers`.
        distinct: as in `best_answers`.

    Raises:
        ValueError: if an argument is wrong.
    """
    for attempt in range(_ATTEMPTS):
        wanted = offset + k
        try:
            scores, ids = best_answers(
                KeptPlace(index), query, wanted, of, filter, least_score, distinct
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
