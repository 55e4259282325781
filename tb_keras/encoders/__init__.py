"""Raw pictures and raw strings to features, inside the graph."""

from tb_keras.encoders.features import encode_corpus as encode_corpus
from tb_keras.encoders.features import encode_images as encode_images
from tb_keras.encoders.features import encode_texts as encode_texts
from tb_keras.encoders.image_encoder import image_encoder as image_encoder
from tb_keras.encoders.text_encoder import text_encoder as text_encoder
