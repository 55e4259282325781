"""A small BERT with a tokenizer of word pieces, as a text encoder; and tokens of both kinds."""

import keras
import numpy as np
import tensorflow as tf
from tokenizers import Tokenizer

from tb_keras.encoders.text.lean_bert import LeanBert
from tb_keras.encoders.text.tokenization import TokenizeTexts
from tb_keras.serving.runtimes.tokenizer_file import runtime_tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [
    *SPECIAL,
    *[
        "a",
        "b",
        "ab",
        "ba",
        "é",
        "e",
        "犬",
        "🐕",
        "#",
        "!",
        ".",
        "ß",
        "ss",
        "σ",
        "bus",
        "fly",
        "cafe",
    ],
    *["##a", "##b", "##ab", "##é", "##e", "##犬", "##🐕", "##ss", "##σ", "##s", "##ing", "insect"],
]


def tokenizing(max_tokens=12, length=None, **settings):
    """The layer from strings to tokens."""
    import keras_hub

    settings = {"lowercase": True, "strip_accents": True, **settings}
    tokenizer = keras_hub.models.BertTokenizer(VOCABULARY, **settings)
    return TokenizeTexts(tokenizer, max_tokens, length, name="tokenize")


def bert_encoder(tokenize=None):
    """String `(n,)` → float32 `(n, 12)`, as `tb_keras.encoders.text_encoder` builds it."""
    import keras_hub

    sizes = {"num_layers": 2, "num_heads": 3, "hidden_dim": 12, "intermediate_dim": 20}
    backbone = keras_hub.models.BertBackbone(len(VOCABULARY), **sizes, max_sequence_length=16)
    rng = np.random.default_rng(0)
    backbone.set_weights([rng.normal(0, 0.3, w.shape) + (w.ndim == 1) for w in backbone.weights])
    texts = keras.Input((), dtype="string", name="texts")
    tokens = (tokenize or tokenizing())(texts)
    mean = keras.layers.GlobalAveragePooling1D()(
        LeanBert(backbone)(tokens), mask=tokens["padding_mask"]
    )
    return keras.Model(texts, mean, name="small_bert")


def tokens_of_both(layer, texts):
    """The ids of each text, by the saved tokenizer and by the layer; the masks are the same."""
    tokenizer = Tokenizer.from_str(runtime_tokenizer(layer).to_str())
    tokens = layer(tf.constant(texts))
    found = tokenizer.encode_batch(texts)
    mask = np.array([encoding.attention_mask for encoding in found])
    np.testing.assert_array_equal(mask, tokens["padding_mask"])
    return [encoding.ids for encoding in found], tokens["token_ids"].numpy().tolist()
