"""Tests of `tokenizer.json`: how texts are cut and padded, and what has none."""

import numpy as np
import pytest

from tb_keras.encoders.text.tokenization import TokenizeTexts
from tb_keras.serving.runtimes.tokenizer_file import runtime_tokenizer
from tests.cases import slow_but
from tests.serving.runtimes.small_towers import tokenizing, tokens_of_both

TEXTS = ["a", "a b a b a b a b", ""]


@pytest.mark.parametrize(("length", "width"), [(None, 6), (8, 8)])
def test_texts_are_cut_and_padded(length, width):
    found, expected = tokens_of_both(tokenizing(max_tokens=6, length=length), TEXTS)
    assert found == expected
    assert np.shape(found) == (3, width)


ADDED = {"neither": (False, False), "start": (True, False), "end": (False, True)}


@pytest.mark.parametrize("name", slow_but("end", cases=ADDED))
def test_start_and_end_are_added_as_the_layer_adds_them(name):
    start, end = ADDED[name]
    layer = TokenizeTexts(tokenizing().tokenizer, 5, add_start=start, add_end=end)
    found, expected = tokens_of_both(layer, TEXTS)
    assert found == expected


@pytest.mark.parametrize("settings", [{"split": False}, {"special_tokens_in_strings": True}])
def test_what_has_none(settings):
    with pytest.raises(ValueError, match=r"have the word pieces of BERT, .*: BertTokenizer"):
        runtime_tokenizer(tokenizing(**settings))


@pytest.mark.slow
def test_sentence_pieces_have_none(tmp_path):
    from tb_keras.encoders import text_encoder
    from tests.encoders.presets.random_presets import write_preset

    write_preset("siglip", tmp_path)
    layer = text_encoder(f"keras_hub/{tmp_path}").get_layer("tokenize")
    with pytest.raises(ValueError, match=r"the byte pairs of CLIP. Received: SigLIPTokenizer"):
        runtime_tokenizer(layer)
