"""Images, texts and the relation that says which belong together."""

from tb_keras.corpus import boxes
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.corpus.matches import BatchMasks, Matches

__all__ = ["BatchMasks", "Corpus", "Grounding", "Matches", "boxes"]


def __dir__() -> list[str]:
    return __all__
