"""Pages in one file, from their templates."""

from __future__ import annotations

import base64
import os

from jinja2 import Environment, PackageLoader

from tb_keras.storage.atomic_file import written_beside


def write_page(path: str | os.PathLike, template: str, **values: object) -> None:
    """Writes a page.

    Args:
        path: file of the page.
        template: name of a file among the templates.
        **values: what the template takes; strings are escaped.
    """
    loader = PackageLoader("tb_keras.scripts.pages")
    pages = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    with written_beside(path) as beside:
        beside.write_text(pages.get_template(template).render(values), encoding="utf-8")


def data_uri(content: bytes, kind: str) -> str:
    """Returns a file's content as a URI, so that a page holds it.

    Examples:
        >>> data_uri(b"abc", "image/png")
        'data:image/png;base64,YWJj'
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
