"""A page, in one file, of search results with their pictures."""

from __future__ import annotations

import base64
import html
import mimetypes
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tb_keras.storage.atomic_file import written_beside
from tb_keras.storage.pictures.picture_reference import read_picture

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>tb-search</title>
<style>
body {{ font: 16px/1.4 sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }}
h2 {{ font-size: 1.1rem; margin: 2rem 0 .5rem }}
ol {{ display: flex; flex-wrap: wrap; gap: 1rem; list-style: none; margin: 0; padding: 0 }}
li {{ border: 1px solid #ccc; border-radius: .5rem; padding: .5rem; max-width: 10rem }}
img {{ background: #fff; display: block; height: 8rem; object-fit: contain; width: 8rem }}
small {{ color: #555; display: block; overflow-wrap: anywhere }}
</style>
<h1>tb-search</h1>
{results}
</html>
"""


def write_search_page(
    path: str | os.PathLike, results: Iterable, names: Mapping[str, str] | None = None
) -> None:
    """Writes the page, with the pictures embedded in it.

    Args:
        path: file of the page.
        results: each with `query`, `is_picture` and `answers`, as `tb-search` makes them.
        names: names of pictures by path; by default their file names.
    """
    names = names or {}
    sections = []
    for result in results:
        heading = _picture(result.query, names) if result.is_picture else html.escape(result.query)
        items = "".join(
            f"<li>{html.escape(answer) if result.is_picture else _picture(answer, names)}"
            f"<small>{score:.3f}</small></li>"
            for score, answer in result.answers
        )
        sections.append(f"<section><h2>{heading}</h2><ol>{items}</ol></section>")
    with written_beside(path) as beside:
        beside.write_text(_PAGE.format(results="\n".join(sections)), encoding="utf-8")


def _picture(path: str, names: Mapping[str, str]) -> str:
    content = read_picture(path)  # browsers do not show what is made to PNG here
    is_png = content.startswith(b"\x89PNG")
    kind = "image/png" if is_png else mimetypes.guess_type(path)[0] or "image/jpeg"
    data = base64.b64encode(content).decode()
    name = html.escape(names.get(path, Path(path).name), quote=True)
    return f'<img src="data:{kind};base64,{data}" alt="{name}"><small>{name}</small>'
