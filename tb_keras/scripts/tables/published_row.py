"""Published figures as a row of a table."""

from __future__ import annotations

from collections.abc import Mapping

from tb_keras.training.recipes.published_recipes import PUBLISHED_RECIPES


def published_row(settings: Mapping) -> dict[str, dict[str, float]]:
    """Returns `{"published": figures}` of a run's recipe, or an empty dict if it has none.

    Args:
        settings: of the run.

    Examples:
        >>> published_row({"published": "referit_similarity"})
        {'published': {'recall@1': 34.54}}
    """
    recipe = PUBLISHED_RECIPES.get(settings["published"])
    return {"published": dict(recipe.published)} if recipe else {}
