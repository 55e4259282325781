"""Markdown tables without the blanks that align their columns."""

import re


def unpadded(page):
    """A page in which a cell has one blank on either side, however wide its column is."""
    return re.sub(" {2,}", " ", page)
