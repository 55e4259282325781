"""Search in an embedded corpus."""

from tb_keras.search.index import Index
from tb_keras.search.searchable import Searchable

__all__ = ["Index", "Searchable"]


def __dir__() -> list[str]:
    return __all__
