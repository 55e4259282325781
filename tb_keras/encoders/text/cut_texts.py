"""Texts that are longer than a text encoder reads."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence

import numpy as np

from tb_keras.encoders.presets.preset_backbone import HUB


def warn_of_cut_texts(texts: Sequence[str], name: str, max_tokens: int) -> None:
    """Warns how many texts `text_encoder` would cut. Short ones are not even tokenized.

    Args:
        texts: the strings.
        name: a pretrained encoder of `text_encoder`.
        max_tokens: as in `text_encoder`.
    """
    from tb_keras.encoders.text.text_encoder import text_tokens

    tokens = functools.cache(lambda: text_tokens(name, max_tokens))
    # A preset may have a length of its own.
    most = tokens().max_tokens if name.startswith(HUB) else max_tokens
    # A token has a byte at least. A start and an end token are added.
    long = [text for text in texts if len(text.encode("utf-8", "replace")) > most - 2]
    if not long:
        return
    counts = tokens().token_counts(long, cut=False)
    cut = int(np.count_nonzero(counts > most))
    if cut:
        warnings.warn(
            f"{cut} of {len(texts)} texts are cut after max_tokens={most} tokens; the "
            f"longest has {counts.max()}",
            stacklevel=3,
        )
