"""Images, texts and the relation that says which belong together.

`Matches` is this relation. It takes each pair of an image and a text to be a match, ignored, or a
negative. An image may match any number of texts, and a text any number of images. Losses, batches
and figures all follow from it: the positives and negatives of a loss, the neighbours that share an
image or a text, the masks of a batch, the right answers of a search.

`Corpus` holds a `Matches` with what it relates: features, picture files, strings. `Grounding` adds
pictures and `boxes` where the images are regions and the texts are phrases.
"""

from tb_keras.corpus import boxes
from tb_keras.corpus.batch_masks import BatchMasks
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.corpus.matches import Matches

__all__ = ["BatchMasks", "Corpus", "Grounding", "Matches", "boxes"]


def __dir__() -> list[str]:
    return __all__
