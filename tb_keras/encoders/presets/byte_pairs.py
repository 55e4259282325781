"""CLIP's byte-pair encoding inside the graph, without state."""

from __future__ import annotations

import re

import keras
import numpy as np
import tensorflow as tf

_END_OF_WORD = "</w>"
_SPACE = r"\t-\r\x{85}\p{Z}"  # all of Unicode's white space
# Contractions, runs of letters, single digits, and runs of anything else.
_WORDS = rf"'s|'t|'re|'ve|'m|'ll|'d|\p{{L}}+|\p{{N}}|[^{_SPACE}\p{{L}}\p{{N}}]+"
_IN_PLACE_OF_NUL = "\uffff"  # which is no character
_NO_RANK = np.iinfo(np.int32).max


class BytePairs:
    """A function from strings to the tokens of a `keras_hub` tokenizer of CLIP.

    The tokens are those that keras-hub gives when it runs eagerly, which are CLIP's. In a graph
    keras-hub gives others: it does not split numbers into digits and does not compose accents. It
    also keeps every word that it saw in a table, which grows as long as a server runs. Here nothing
    is kept.

    Only as much of a text is read as `max_tokens` tokens can take up. The tokens of a single word
    that is longer than this, 2,464 bytes for CLIP, may differ.

    Args:
        tokenizer: a `keras_hub.models.CLIPTokenizer` with its vocabulary.
        max_tokens: how many tokens of each text must be right.
    """

    def __init__(self, tokenizer: keras.layers.Layer, max_tokens: int):
        from keras_hub.src.tokenizers.byte_pair_tokenizer import bytes_to_unicode

        ids = tokenizer.vocabulary
        unknown = ids[tokenizer.end_token]
        letter_of = {byte[0]: letter for byte, letter in zip(*bytes_to_unicode())}
        letters = [letter_of[byte] for byte in range(256)]
        self._inner = np.array([ids.get(letter, unknown) for letter in letters], "int32")
        last = [ids.get(letter + _END_OF_WORD, unknown) for letter in letters]
        self._last = np.array(last, "int32")
        merges = [line.split(" ") for line in tokenizer.merges if "#version:" not in line]
        self._most = 1 + max(ids.values())
        self._merged = np.array([ids[left + right] for left, right in merges] or [0], "int32")
        rank_of = {ids[left] * self._most + ids[right]: r for r, (left, right) in enumerate(merges)}
        # A key beyond all others, so that there is one.
        rank_of[np.iinfo(np.int64).max] = _NO_RANK
        keys = np.array(list(rank_of), "int64")
        order = np.argsort(keys)
        self._keys, self._ranks = keys[order], np.array(list(rank_of.values()), "int32")[order]
        self._special = [tokenizer.start_token, tokenizer.end_token]
        self._special_ids = np.array([ids[token] for token in self._special], "int32")
        self._max_bytes = max_tokens * max(map(len, ids))

    @tf.autograph.experimental.do_not_convert
    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns int32 `(batch, tokens)` for strings `(batch,)`."""
        words = self._words(texts)
        distinct, places = tf.unique(words.flat_values)
        tokens = tf.gather(self._tokens_of(distinct), words.with_flat_values(places))
        return tokens.merge_dims(1, 2)

    def _words(self, texts: tf.Tensor) -> tf.RaggedTensor:
        import tensorflow_text

        special = "|".join(map(re.escape, self._special))
        # Some of the operations end a string at its first NUL.
        texts = tf.strings.regex_replace(texts, r"\x00", _IN_PLACE_OF_NUL)
        parts = tensorflow_text.regex_split(texts, special, special)
        cleaned = tensorflow_text.normalize_utf8(parts.flat_values, "NFC")
        # Only of this letter does the lower case depend on its place in a word.
        cleaned = tf.strings.regex_replace(cleaned, "Σ", "σ")
        cleaned = tf.strings.lower(cleaned, encoding="utf-8")
        pattern = f"{special}|{_WORDS}"
        split = tensorflow_text.regex_split(cleaned, f"{pattern}|[{_SPACE}]+", pattern)
        words = parts.with_flat_values(split).merge_dims(1, 2)
        words = tf.RaggedTensor.from_row_splits(words.flat_values, words.row_splits)
        lengths = tf.strings.length(words.flat_values)
        before = tf.cumsum(lengths, exclusive=True)
        rows = words.value_rowids()
        first = tf.gather(before, tf.gather(words.row_starts(), rows))
        words = tf.ragged.boolean_mask(
            words, words.with_flat_values(before - first < self._max_bytes)
        )
        cut = tf.strings.substr(words.flat_values, 0, self._max_bytes)
        return words.with_flat_values(tf.strings.regex_replace(cut, _IN_PLACE_OF_NUL, "\0"))

    def _tokens_of(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Returns int32 `(words, tokens)`."""
        is_special = words[:, None] == tf.constant(self._special)
        special = tf.reduce_any(is_special, axis=1)
        lengths = tf.where(special, 1, tf.strings.length(words))
        words = tf.where(special, " ", words)
        count = tf.size(words)
        rows = tf.repeat(tf.range(count), lengths)
        content = tf.cast(tf.io.decode_raw(tf.strings.reduce_join(words), tf.uint8), tf.int32)
        at_end = tf.concat([rows[1:] != rows[:-1], tf.ones_like(rows[:1], tf.bool)], axis=0)
        symbols = tf.where(at_end, tf.gather(self._last, content), tf.gather(self._inner, content))
        ids = tf.reduce_sum(tf.cast(is_special, tf.int32) * self._special_ids, axis=1)
        symbols = tf.where(tf.gather(special, rows), tf.gather(ids, rows), symbols)
        ranks = self._rank(symbols, rows, tf.range(tf.size(symbols)))
        symbols, rows, _ = tf.while_loop(
            lambda symbols, rows, ranks: tf.reduce_any(ranks < _NO_RANK),
            self._merge,
            (symbols, rows, ranks),
            shape_invariants=(tf.TensorShape([None]),) * 3,
        )
        rows, count = tf.cast(rows, tf.int64), tf.cast(count, tf.int64)
        return tf.RaggedTensor.from_value_rowids(symbols, rows, count)

    def _merge(self, symbols, rows, ranks):
        """Merges in each word the pair of lowest rank, the leftmost of several."""
        size = tf.size(symbols)
        keys = tf.cast(ranks, tf.int64) * tf.cast(size, tf.int64) + tf.range(size, dtype=tf.int64)
        lowest = tf.gather(tf.math.segment_min(keys, rows), rows)
        chosen = (keys == lowest) & (ranks < _NO_RANK)
        merged = tf.gather(self._merged, tf.where(chosen, ranks, 0))
        symbols = tf.where(chosen, merged, symbols)
        kept = tf.concat([[True], ~chosen[:-1]], axis=0)
        symbols, rows, ranks, chosen = (
            tf.boolean_mask(values, kept) for values in (symbols, rows, ranks, chosen)
        )
        # Only the pairs with a merged symbol have another rank than before.
        at = tf.where(chosen)[:, 0]
        at = tf.cast(tf.concat([at, tf.maximum(at - 1, 0)], axis=0), tf.int32)
        ranks = tf.tensor_scatter_nd_update(ranks, at[:, None], self._rank(symbols, rows, at))
        return symbols, rows, ranks

    def _rank(self, symbols, rows, at):
        """Returns the ranks of the pairs that begin at the given places, `_NO_RANK` for no pair."""
        after = tf.minimum(at + 1, tf.size(symbols) - 1)
        left, right = (tf.cast(tf.gather(symbols, i), tf.int64) for i in (at, after))
        keys = left * self._most + right
        places = tf.searchsorted(self._keys, keys)
        known = tf.gather(self._keys, places) == keys
        same_word = (after > at) & (tf.gather(rows, at) == tf.gather(rows, after))
        return tf.where(known & same_word, tf.gather(self._ranks, places), _NO_RANK)
