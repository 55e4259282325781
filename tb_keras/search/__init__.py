"""Search in an embedded corpus."""

from tb_keras.search.graph_index import GraphIndex
from tb_keras.search.image_text_index import ImageTextIndex
from tb_keras.search.index import Index
from tb_keras.search.kept.adding import Added
from tb_keras.search.kept.index_items import EmbeddedItem, Embedder, Item
from tb_keras.search.least_scores import LeastScore, least_score
from tb_keras.search.searchable import Searchable

__all__ = [
    "Added",
    "EmbeddedItem",
    "Embedder",
    "GraphIndex",
    "ImageTextIndex",
    "Index",
    "Item",
    "LeastScore",
    "Searchable",
    "least_score",
]


def __dir__() -> list[str]:
    return __all__
