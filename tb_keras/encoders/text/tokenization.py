"""Strings to token ids, inside the graph."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from tb_keras.encoders.presets.graph_tokens import graph_tokens

_TEXTS = 1024  # whose tokens are counted at a time
_UNCUT = 10**6  # tokens, more than any text has


def _lower(texts):
    import tensorflow as tf

    return tf.strings.lower(texts)


def _canonical(texts):
    import tensorflow as tf

    bare = tf.strings.regex_replace(_lower(texts), "[[:punct:]]", "")
    return tf.strings.strip(tf.strings.regex_replace(bare, r"\s+", " "))


_CLEANING = {"lower": _lower, "canonical": _canonical}


@keras.saving.register_keras_serializable(package="tb_keras")
class TokenizeTexts(keras.layers.Layer):
    """A layer from strings to a start token, the text's tokens and an end token.

    The layer does its own packing because keras-hub's packer needs `trimmer_ops`, which model
    servers that link tensorflow-text 2.12.1 lack.

    Args:
        tokenizer: a `keras_hub` tokenizer, or what gives the same tokens.
        max_tokens: longest sequence, start and end included; longer ones are cut.
        length: of all sequences, at least `max_tokens`; by default that of the longest in a batch.
        add_start: whether a start token comes first.
        add_end: whether an end token comes last.
        cleaning: None, `"lower"` (ASCII letters in lower case) or `"canonical"` (the same, without
            ASCII punctuation and with single spaces), as the preprocessors of keras-hub do it.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        texts: string `(batch,)`.

    Returns:
        A dict of `token_ids`, `segment_ids` and `padding_mask`, int32 `(batch, longest)`, as
        keras-hub backbones take them.
    """

    def __init__(
        self,
        tokenizer: keras.layers.Layer,
        max_tokens: int = 128,
        length: int | None = None,
        add_start: bool = True,
        add_end: bool = True,
        cleaning: str | None = None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.length = length
        self.add_start, self.add_end = add_start, add_end
        self.cleaning = cleaning
        self._tokenize = self._traced(max_tokens)
        self.built = True

    def _traced(self, max_tokens: int):
        """Returns a function from strings to tokens, of which the first `max_tokens` are right."""
        import tensorflow as tf

        def tokenize(texts):
            cleaned = _CLEANING[self.cleaning](texts) if self.cleaning else texts
            return graph_tokens(self.tokenizer, cleaned, max_tokens)

        # keras-hub's tokenizers return lists when they run eagerly, ragged tensors in a graph. The
        # signature makes one graph for batches of all sizes.
        return tf.function(tokenize, input_signature=[tf.TensorSpec([None], tf.string)])

    def call(self, texts):
        import tensorflow as tf

        tokens = self._tokenize(texts)[:, : self.max_tokens - self.add_start - self.add_end]
        rows = tokens.nrows()
        parts = [tokens]
        if self.add_start:
            parts.insert(0, tf.fill([rows, 1], self.tokenizer.start_token_id))
        if self.add_end:
            parts.append(tf.fill([rows, 1], self.tokenizer.end_token_id))
        sequences = tf.concat(parts, axis=1)
        ids = sequences.to_tensor(self.tokenizer.pad_token_id, shape=(None, self.length))
        mask = tf.sequence_mask(sequences.row_lengths(), tf.shape(ids)[1], dtype=tf.int32)
        return {"token_ids": ids, "segment_ids": tf.zeros_like(ids), "padding_mask": mask}

    def token_counts(self, texts: Sequence[str], cut: bool = True) -> np.ndarray:
        """Returns the number of tokens of each text, start and end included, int `(n,)`.

        Args:
            texts: the strings.
            cut: whether a text has `max_tokens` at the most.
        """
        import tensorflow as tf

        tokenize = self._tokenize if cut else self._traced(_UNCUT)
        counts = [
            tokenize(tf.constant(list(texts[start : start + _TEXTS]))).row_lengths().numpy()
            for start in range(0, len(texts), _TEXTS)
        ]
        found = np.concatenate([np.zeros(0, int), *counts]) + self.add_start + self.add_end
        return np.minimum(found, self.max_tokens) if cut else found

    def compute_output_spec(self, texts):
        shape = (texts.shape[0], self.length)
        return {
            name: keras.KerasTensor(shape, "int32")
            for name in ("token_ids", "segment_ids", "padding_mask")
        }

    def with_tokenizer(self, tokenizer) -> TokenizeTexts:
        """Returns a layer of the same name and settings that calls another tokenizer."""
        return TokenizeTexts(tokenizer, **self._settings(), name=self.name)

    def of_length(self, length: int) -> TokenizeTexts:
        """Returns a layer of the same settings whose sequences all have one length."""
        settings = {**self._settings(), "length": length}
        return TokenizeTexts(self.tokenizer, **settings, name=self.name)

    def _settings(self) -> dict:
        own = ("max_tokens", "length", "add_start", "add_end", "cleaning")
        return {name: getattr(self, name) for name in own}

    def get_config(self) -> dict:
        tokenizer = keras.saving.serialize_keras_object(self.tokenizer)
        return {**super().get_config(), "tokenizer": tokenizer, **self._settings()}

    @classmethod
    def from_config(cls, config: dict) -> TokenizeTexts:
        tokenizer = keras.saving.deserialize_keras_object(config.pop("tokenizer"))
        return cls(tokenizer, **config)
