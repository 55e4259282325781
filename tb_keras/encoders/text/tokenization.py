"""Strings to token ids, inside the graph."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

_TEXTS = 1024  # whose tokens are counted at a time


@keras.saving.register_keras_serializable(package="tb_keras")
class TokenizeTexts(keras.layers.Layer):
    """A layer from strings to a start token, the text's tokens and an end token.

    The layer does its own packing because keras-hub's packer needs `trimmer_ops`, which model
    servers that link tensorflow-text 2.12.1 lack.

    Args:
        tokenizer: a `keras_hub` tokenizer for BERT-like models.
        max_tokens: longest sequence, start and end included; longer ones are cut.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        texts: string `(batch,)`.

    Returns:
        A dict of `token_ids`, `segment_ids` and `padding_mask`, int32 `(batch, longest)`, as
        keras-hub backbones take them.
    """

    def __init__(self, tokenizer: keras.layers.Layer, max_tokens: int = 128, **kwargs):
        import tensorflow as tf

        super().__init__(autocast=False, **kwargs)
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        # keras-hub's tokenizers return lists when they run eagerly, ragged tensors in a graph. The
        # signature makes one graph for batches of all sizes.
        self._tokenize = tf.function(tokenizer, input_signature=[tf.TensorSpec([None], tf.string)])
        self.built = True

    def call(self, texts):
        import tensorflow as tf

        tokens = self._tokenize(texts)[:, : self.max_tokens - 2]
        rows = tokens.nrows()
        start = tf.fill([rows, 1], self.tokenizer.start_token_id)
        end = tf.fill([rows, 1], self.tokenizer.end_token_id)
        sequences = tf.concat([start, tokens, end], axis=1)
        ids = sequences.to_tensor(self.tokenizer.pad_token_id)
        mask = tf.sequence_mask(sequences.row_lengths(), tf.shape(ids)[1], dtype=tf.int32)
        return {"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": mask}

    def token_counts(self, texts: Sequence[str]) -> np.ndarray:
        """Returns the number of tokens of each text, start and end included, int `(n,)`."""
        import tensorflow as tf

        counts = [
            self._tokenize(tf.constant(list(texts[start : start + _TEXTS]))).row_lengths().numpy()
            for start in range(0, len(texts), _TEXTS)
        ]
        return np.minimum(np.concatenate([np.zeros(0, int), *counts]) + 2, self.max_tokens)

    def compute_output_spec(self, texts):
        shape = (texts.shape[0], None)
        return {
            name: keras.KerasTensor(shape, "int32")
            for name in ("token_ids", "segment_ids", "padding_mask")
        }

    def get_config(self) -> dict:
        tokenizer = keras.saving.serialize_keras_object(self.tokenizer)
        return {**super().get_config(), "tokenizer": tokenizer, "max_tokens": self.max_tokens}

    @classmethod
    def from_config(cls, config: dict) -> TokenizeTexts:
        tokenizer = keras.saving.deserialize_keras_object(config.pop("tokenizer"))
        return cls(tokenizer, **config)
