"""Features of whole collections, kept on disk."""

from tb_keras.features.corpus_features import encode_corpus, encode_images, encode_texts
from tb_keras.features.encoded_words import encoded_word_vectors
from tb_keras.features.extracted_features import with_extracted_features
from tb_keras.features.extraction import Extraction, extract_features
from tb_keras.features.readability import unreadable_pictures, without_pictures
from tb_keras.features.region_features import encode_regions

__all__ = [
    "Extraction",
    "encode_corpus",
    "encode_images",
    "encode_regions",
    "encode_texts",
    "encoded_word_vectors",
    "extract_features",
    "unreadable_pictures",
    "with_extracted_features",
    "without_pictures",
]


def __dir__() -> list[str]:
    return __all__
