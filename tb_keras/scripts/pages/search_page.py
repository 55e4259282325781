"""A page, in one file, of search results with their pictures."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tb_keras.scripts.pages.rendering import data_uri, write_page
from tb_keras.storage.pictures.picture_reference import read_picture


def write_search_page(path: str | os.PathLike, results: Iterable) -> None:
    """Writes the page, with the pictures embedded in it.

    Args:
        path: file of the page.
        results: each with `query`, `is_picture`, `finds_pictures`, `answers` and `names`, as
            `tb-search` makes them. A picture without a name has that of its file.
    """

    def picture(path: str, names: Mapping[str, str]) -> dict[str, str]:
        content = read_picture(path)  # browsers do not show what is made to PNG here
        is_png = content.startswith(b"\x89PNG")
        kind = "image/png" if is_png else mimetypes.guess_type(path)[0] or "image/jpeg"
        return {"source": data_uri(content, kind), "name": names.get(path, Path(path).name)}

    write_page(path, "search.html", title="tb-search", results=results, picture=picture)
