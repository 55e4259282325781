"""The flag that names the columns of a table of one's own, shared by the scripts."""

from __future__ import annotations

from absl import flags

_NAMED = ("image", "text", "split", "language", "group")
COLUMNS = flags.DEFINE_list(
    "columns",
    [],
    "Columns of a table of your own that have other than the usual names: image=NAME,text=NAME; "
    "also split, language and group. A pattern names several columns of texts: text=caption_*.",
)


def column_options() -> dict[str, str]:
    """Returns the options of `load_table` that the flag makes.

    Raises:
        ValueError: if the flag has another form, or names something else.
    """
    options = {}
    for given in COLUMNS.value:
        holds, equals, column = given.partition("=")
        if not equals or not column or holds not in _NAMED:
            raise ValueError(
                f"--columns must be WHAT=COLUMN, separated by commas, where WHAT is one of "
                f"{', '.join(_NAMED)}. Received: {given}"
            )
        options[f"{holds}_column"] = column
    return options
