"""Properties of the tokens of pairs of encoders: any text has those of keras-hub's preprocessor."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.text.text_encoder import text_tokens
from tests.cases import OnDemand
from tests.encoders.presets.random_presets import FAMILIES, own_tokens

pytestmark = pytest.mark.slow

PARTS = [
    "the dog",
    "cat's",
    " ",
    "\n",
    "'",
    "!!",
    "2023",
    "é",
    "e\u0301",
    "Σ",
    "<|endoftext|>",
    "\0",
]
LETTERS = st.characters(exclude_categories=["Cs", "Cn", "Co"], max_codepoint=0x1FFFF)
TEXTS = st.lists(
    st.one_of(
        st.text(LETTERS, max_size=30),
        st.text(st.characters(max_codepoint=0x7F), max_size=30),
        st.lists(st.sampled_from(PARTS), max_size=8).map("".join),
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def layers(presets):
    return OnDemand(lambda family: text_tokens(presets[family][0], 128))


@pytest.mark.parametrize("family", FAMILIES)
@given(texts=TEXTS)
def test_any_text(presets, layers, family, texts):
    expected = own_tokens(presets[family][2], texts)
    ids = layers[family](tf.constant(texts))["token_ids"].numpy()
    np.testing.assert_array_equal(ids, expected[:, : ids.shape[1]])
    assert (expected[:, ids.shape[1] :] == layers[family].tokenizer.pad_token_id).all()
