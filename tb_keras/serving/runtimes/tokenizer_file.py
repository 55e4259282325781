"""The tokens of a text encoder for the `tokenizers` library, which needs no TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from tb_keras.encoders.presets.preset_backbone import is_of_kind
from tb_keras.encoders.text.tokenization import TokenizeTexts
from tb_keras.serving.runtimes.clip_pairs import clip_pairs
from tb_keras.serving.runtimes.word_pieces import word_pieces

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def runtime_tokenizer(tokenize: TokenizeTexts) -> Tokenizer:
    """Returns the tokenizer of the `tokenizers` library that gives the tokens of a layer.

    It cuts texts as the layer does, adds the start and end tokens, and pads a batch to its longest
    text. Its `save` writes the `tokenizer.json` that runtimes read. `word_pieces` and `clip_pairs`
    say of which texts the tokens are others.

    Args:
        tokenize: of an encoder with the word pieces of BERT or the byte pairs of CLIP.

    Raises:
        ValueError: if the tokenizer is of another kind.

    Examples:
        >>> from tb_keras.encoders import text_encoder
        >>> layer = text_encoder("minilm").get_layer("tokenize")
        >>> runtime_tokenizer(layer).encode("A café!").tokens
        ['[CLS]', 'a', 'cafe', '!', '[SEP]']
    """
    from tokenizers import processors

    tokenizer = tokenize.tokenizer
    made = _cutting(tokenizer)
    if made is None or tokenize.cleaning == "canonical":
        raise ValueError(
            "`text_encoder` must have the word pieces of BERT, as minilm, or the byte pairs of "
            f"CLIP. Received: {type(tokenizer).__name__}"
        )
    start, end = (
        [(tokenizer.id_to_token(number), number)] if is_added else []
        for is_added, number in (
            (tokenize.add_start, tokenizer.start_token_id),
            (tokenize.add_end, tokenizer.end_token_id),
        )
    )
    parts = [*(token for token, _ in start), "$A", *(token for token, _ in end)]
    made.post_processor = processors.TemplateProcessing(
        single=" ".join(parts), special_tokens=[*start, *end]
    )
    padding = tokenizer.pad_token_id
    made.enable_truncation(tokenize.max_tokens)
    made.enable_padding(
        pad_id=padding, pad_token=tokenizer.id_to_token(padding), length=tokenize.length
    )
    return made


def _cutting(tokenizer: keras.layers.Layer) -> Tokenizer | None:
    """Returns what cuts texts into tokens, None for a tokenizer of another kind."""
    import keras_hub

    if is_of_kind(tokenizer, {"CLIPTokenizer"}):
        return clip_pairs(tokenizer)
    of_bert = isinstance(tokenizer, keras_hub.tokenizers.WordPieceTokenizer)
    if of_bert and tokenizer.split and not tokenizer.special_tokens_in_strings:
        return word_pieces(tokenizer)
    return None
