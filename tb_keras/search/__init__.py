"""Search in an embedded corpus."""

from tb_keras.search.index import Index as Index
from tb_keras.search.searchable import Searchable as Searchable
