"""Tests of the masks of a batch, against those of the whole relation."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tb_keras.batching.shards.shard_masks import shard_masks
from tb_keras.corpus.matches import Matches


def padded(lists):
    most = max(map(len, lists), default=0)
    return np.array([[*some, *[-1] * (most - len(some))] for some in lists], np.int64).reshape(
        len(lists), most
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_masks_of_all_images(data):
    """Where all images are in the batch, the masks are those of the whole relation."""
    n, m = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 7))
    kinds = np.array(
        data.draw(st.lists(st.sampled_from([0, 0, 1, 2]), min_size=n * m, max_size=n * m))
    ).reshape(n, m)
    relation = Matches(np.argwhere(kinds == 1), n, m, ignored=np.argwhere(kinds == 2))
    texts = data.draw(st.lists(st.integers(-1, m - 1), min_size=1, max_size=8))
    texts = [text for place, text in enumerate(texts) if text < 0 or text not in texts[:place]]
    matched, ignored = ([np.flatnonzero(row == kind) for row in kinds] for kind in (1, 2))
    found = shard_masks(padded(matched), padded(ignored), np.array(texts, np.int64))
    expected = relation.batch_masks(np.arange(n), texts)._asdict()
    alone = np.array(texts)[relation.images_per_text()[texts] == 0]  # no image knows of them
    known = ~np.isin(texts, alone)
    assert found.keys() == expected.keys()
    for name, mask in expected.items():
        mine = found[name].numpy()
        if name == "text_negatives":
            mine, mask = mine[np.ix_(known, known)], mask[np.ix_(known, known)]
        np.testing.assert_array_equal(mine, mask, name)
