"""The word pieces of BERT for the `tokenizers` library."""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from tokenizers import Tokenizer, normalizers, pre_tokenizers

_MAX_CHARACTERS = 100  # of a word; longer ones are unknown
_NO_CHARACTER = "\uffff"  # in no vocabulary, and so a word with it is unknown
_FOLDED = {"ß": "ss", "ς": "σ"}  # of letters that are lower case already
_PUNCTUATION = r"!-/:-@\[-`{-~\p{P}"
_CJK = (
    "\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f"
    "\U0002b820-\U0002ceaf\uf900-\ufaff\U0002f800-\U0002fa1f"
)


def word_pieces(tokenizer: keras.layers.Layer) -> Tokenizer:
    """Returns what cuts texts into the pieces of a `keras_hub` tokenizer of word pieces.

    A few texts have other tokens. A sign that stands for several characters with punctuation among
    them, such as … or ⑴, is read as these characters, as are full-width signs such as ＋. Others
    are words of more than 100 bytes with letters outside ASCII, what stands behind a NUL, and
    characters that are rare or newer than one of the libraries.

    Args:
        tokenizer: a `keras_hub.tokenizers.WordPieceTokenizer` that splits texts into words.
    """
    from tokenizers import Tokenizer, models

    pieces = models.WordPiece(
        {piece: number for number, piece in enumerate(tokenizer.get_vocabulary())},
        unk_token=tokenizer.oov_token,
        max_input_chars_per_word=_MAX_CHARACTERS,
        continuing_subword_prefix=tokenizer.suffix_indicator,
    )
    made = Tokenizer(pieces)
    made.normalizer = _normalizer(tokenizer.lowercase, tokenizer.strip_accents)
    made.pre_tokenizer = _splitter(tokenizer.split_on_cjk)
    return made


def _normalizer(lowercase: bool, strip_accents: bool) -> normalizers.Normalizer:
    from tokenizers import Regex, normalizers

    steps = []
    if strip_accents:
        steps += [normalizers.NFD(), normalizers.Replace(Regex(r"\p{Mn}"), "")]
    if lowercase:
        # Words are folded after they are split, so that a blank of these parts no words.
        blanks = Regex(f"[{''.join(_folded_to_blanks())}]")
        steps += [normalizers.Replace(blanks, _NO_CHARACTER)]
        steps += [normalizers.NFKC(), normalizers.Lowercase()]
        steps += [normalizers.Replace(letter, folded) for letter, folded in _FOLDED.items()]
    return normalizers.Sequence(steps)


def _splitter(split_on_cjk: bool) -> pre_tokenizers.PreTokenizer:
    from tokenizers import Regex, pre_tokenizers

    words = f"[{_PUNCTUATION}{_CJK if split_on_cjk else ''}]"
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[ \t\n\r\f\p{Cc}\p{Cf}]"), "removed"),
            pre_tokenizers.Split(Regex(words), "isolated"),
        ]
    )


@functools.cache
def _folded_to_blanks() -> list[str]:
    """Returns the characters, other than the blank, in whose folding there is one."""
    return [
        character
        for character in map(chr, range(0x80, 0x10000))
        if " " in unicodedata.normalize("NFKC", character)
    ]
