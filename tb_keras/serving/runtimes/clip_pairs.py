"""The byte pairs of CLIP for the `tokenizers` library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SPACE = r"\t-\r\x{85}\p{Z}"  # all of Unicode's white space
_WORDS = rf"'s|'t|'re|'ve|'m|'ll|'d|\p{{L}}+|\p{{N}}|[^{_SPACE}\p{{L}}\p{{N}}]+"
_END_OF_WORD = "</w>"


def clip_pairs(tokenizer: keras.layers.Layer) -> Tokenizer:
    """Returns what cuts texts into the byte pairs of a `keras_hub` tokenizer of CLIP.

    Letters that are newer than one of the libraries may have other tokens.

    Args:
        tokenizer: a `keras_hub.models.CLIPTokenizer` with its vocabulary.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    merges = [line.split(" ") for line in tokenizer.merges if "#version:" not in line]
    pairs = models.BPE(
        dict(tokenizer.vocabulary),
        [(left, right) for left, right in merges],
        unk_token=tokenizer.end_token,
        end_of_word_suffix=_END_OF_WORD,
    )
    made = Tokenizer(pairs)
    made.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.add_special_tokens([tokenizer.start_token, tokenizer.end_token])
    return made
