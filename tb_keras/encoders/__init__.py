"""Encoders: image files and strings to features, inside the graph."""

from tb_keras.encoders.image.image_encoder import image_encoder
from tb_keras.encoders.last_blocks import last_image_blocks, last_text_blocks
from tb_keras.encoders.presets.pair import encoder_pair, share_a_space
from tb_keras.encoders.regions.proposed_corpus import (
    proposal_report,
    proposed_corpus,
    with_true_boxes,
)
from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.encoders.regions.region_proposals import propose_regions
from tb_keras.encoders.text.fitted_text_encoder import FittedText, fit_text_encoder
from tb_keras.encoders.text.text_encoder import text_encoder
from tb_keras.encoders.text.word_encoder import word_encoder
from tb_keras.encoders.text.word_vector_files import read_word_vectors
from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.encoders.text.words import WordCounts, count_words

__all__ = [
    "FittedText",
    "RegionEncoder",
    "WordCounts",
    "WordVectors",
    "count_words",
    "encoder_pair",
    "fit_text_encoder",
    "image_encoder",
    "last_image_blocks",
    "last_text_blocks",
    "proposal_report",
    "propose_regions",
    "proposed_corpus",
    "read_word_vectors",
    "share_a_space",
    "text_encoder",
    "with_true_boxes",
    "word_encoder",
]


def __dir__() -> list[str]:
    return __all__
