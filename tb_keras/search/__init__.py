"""Search in an embedded corpus."""

from tb_keras.search.index import Index as Index
