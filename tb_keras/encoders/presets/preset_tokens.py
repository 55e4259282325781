"""Tokens for the text encoders of keras-hub's presets, as each preset's preprocessor packs them."""

from __future__ import annotations

from tb_keras.encoders.presets.preset_backbone import text_positions, tower_family
from tb_keras.encoders.text.tokenization import TokenizeTexts


def preset_tokens(preset: str, max_tokens: int, **settings) -> TokenizeTexts:
    """Returns the layer from strings to what the text encoder of a preset takes.

    Args:
        preset: the preset's name, or the path of a directory.
        max_tokens: as in `text_encoder`. The length of a text tower counts if it is lower.
        **settings: of the tokenizer, other than the preset's.

    Raises:
        ImportError: keras-hub is not installed.
    """
    import keras_hub

    tokenizer = keras_hub.models.Tokenizer.from_preset(preset, **settings)
    family = tower_family(preset)
    if family is None:
        return TokenizeTexts(tokenizer, max_tokens, name="tokenize")
    preprocessor = keras_hub.models.CausalLMPreprocessor.from_preset(
        preset, tokenizer=tokenizer, image_converter=None
    )
    length = min(preprocessor.sequence_length, text_positions(preset))
    cleaning = None
    if getattr(preprocessor, "to_lower", False):
        cleaning = "lower"
    elif getattr(preprocessor, "canonicalize_text", False):
        cleaning = "canonical"
    is_siglip = family == "SigLIPBackbone"
    return TokenizeTexts(
        tokenizer,
        min(max_tokens, length),
        # SigLIP reads its answer off the last place. CLIP's tokens see only those before them, and
        # its answer stands at the end token, so that no padding changes it.
        length=length if is_siglip else None,
        add_start=preprocessor.add_start_token and not is_siglip,
        add_end=preprocessor.add_end_token,
        cleaning=cleaning,
        name="tokenize",
    )
