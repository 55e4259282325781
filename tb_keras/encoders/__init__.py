"""Raw pictures and raw strings to features, inside the graph."""

from tb_keras.encoders.extracted_features import (
    with_extracted_features as with_extracted_features,
)
from tb_keras.encoders.extraction import extract_features as extract_features
from tb_keras.encoders.features import encode_corpus as encode_corpus
from tb_keras.encoders.features import encode_images as encode_images
from tb_keras.encoders.features import encode_texts as encode_texts
from tb_keras.encoders.fitted_text_encoder import FittedText as FittedText
from tb_keras.encoders.fitted_text_encoder import fit_text_encoder as fit_text_encoder
from tb_keras.encoders.image_encoder import image_encoder as image_encoder
from tb_keras.encoders.proposed_corpus import proposal_report as proposal_report
from tb_keras.encoders.proposed_corpus import proposed_corpus as proposed_corpus
from tb_keras.encoders.proposed_corpus import with_true_boxes as with_true_boxes
from tb_keras.encoders.region_features import encode_regions as encode_regions
from tb_keras.encoders.region_proposals import propose_regions as propose_regions
from tb_keras.encoders.text_encoder import text_encoder as text_encoder
from tb_keras.encoders.word_encoder import word_encoder as word_encoder
from tb_keras.encoders.word_vector_files import read_word_vectors as read_word_vectors
from tb_keras.encoders.word_vectors import WordVectors as WordVectors
from tb_keras.encoders.word_vectors import encoded_word_vectors as encoded_word_vectors
from tb_keras.encoders.words import count_words as count_words
