"""Tests of the batches as `tf.data` and `fit` see them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.batching import neighborhood_batches
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches

N, M = 12, 40
MASKS = ("matches", "negatives", "text_negatives", "image_negatives")


def numbered_corpus(matches=None, dtype="float32"):
    """Row r of each matrix holds r + 1 throughout, so that a batch tells which rows it took."""
    if matches is None:
        rng = np.random.default_rng(0)
        dense = np.arange(N)[:, None] == rng.integers(0, N, M)
        dense |= rng.random((N, M)) < 0.05
        dense |= np.eye(N, M, dtype=bool)
        ignored = np.argwhere(~dense & (rng.random((N, M)) < 0.05))
        matches = Matches(np.argwhere(dense), N, M, ignored=ignored)
    images, texts = (np.arange(1, s + 1)[:, None] for s in (matches.num_images, matches.num_texts))
    return Corpus(
        matches,
        image_features=np.repeat(images, 3, axis=1).astype(dtype),
        text_features=np.repeat(texts, 2, axis=1).astype(dtype),
    )


def indices(batches):
    """The image and text indices of each batch, read off its features; -1 is padding."""
    found = []
    for batch in batches:
        image, text = batch["image"].numpy(), batch["text"].numpy()
        assert (image == image[:, :1]).all()
        assert (text == text[:, :1]).all()
        found.append((image[:, 0].astype(int) - 1, text[:, 0].astype(int) - 1))
    return found


def as_lists(batches):
    return [(images.tolist(), texts.tolist()) for images, texts in indices(batches)]


def test_shapes_are_static():
    batches = neighborhood_batches(numbered_corpus(), 5, 3)
    expected = {
        "image": ((5, 3), tf.float32),
        "text": ((15, 2), tf.float32),
        "matches": ((5, 15), tf.bool),
        "negatives": ((5, 15), tf.bool),
        "text_negatives": ((15, 15), tf.bool),
        "image_negatives": ((5, 5), tf.bool),
    }
    spec = batches.element_spec
    assert {k: (tuple(v.shape), v.dtype) for k, v in spec.items()} == expected
    assert batches.cardinality() == len(list(batches))
    batch = next(iter(batches))
    assert {k: (tuple(v.shape), v.dtype) for k, v in batch.items()} == expected


def test_the_masks_are_those_of_the_rows_that_were_taken():
    corpus = numbered_corpus()
    dense = {"mask": corpus.matches.mask(), "negative": corpus.matches.negative_mask()}
    batches = list(neighborhood_batches(corpus, 5, 4))
    padded = 0
    for batch, (images, texts) in zip(batches, indices(batches)):
        real = texts >= 0
        padded += (~real).sum()
        for name, whole in (("matches", dense["mask"]), ("negatives", dense["negative"])):
            np.testing.assert_array_equal(batch[name], whole[images][:, texts] & real)
        for name, rows, matching, safe in [
            ("text_negatives", texts, dense["mask"].T, dense["negative"].T),
            ("image_negatives", images, dense["mask"], dense["negative"]),
        ]:
            found = batch[name].numpy()
            for a, j in enumerate(rows):
                for b, k in enumerate(rows):
                    expected = j != k and j >= 0 and k >= 0
                    expected = expected and safe[k][matching[j]].all()
                    expected = expected and safe[j][matching[k]].all()
                    assert found[a, b] == expected
    assert padded > 0


def test_each_epoch_anchors_every_text_once_in_batches_of_distinct_images():
    corpus = numbered_corpus()
    batches = neighborhood_batches(corpus, 5, 2)
    for _ in range(2):
        seen = []
        for images, texts in indices(batches):
            assert len(set(images.tolist())) == 5
            for image, (first, second) in zip(images, texts.reshape(5, 2)):
                own = corpus.matches.texts_of(image)
                assert first in own
                assert second != first
                assert second in own if len(own) > 1 else second == -1
            seen += texts.reshape(5, 2)[:, 0].tolist()
        assert set(seen) == set(range(M))
        assert len(seen) < M + 2 * 5  # fillers aside, each comes once


def test_texts_that_share_an_image_outside_the_batch_are_no_negatives():
    matches = Matches([(0, 0), (1, 1), (2, 0), (2, 1), (3, 2)], 4, 3)
    corpus = numbered_corpus(matches)
    met = 0
    batches = neighborhood_batches(corpus, 2, 1)
    for _ in range(20):
        for batch in batches:
            (images, texts) = indices([batch])[0]
            if sorted(images) == [0, 1] and sorted(texts) == [0, 1]:
                met += 1
                assert not np.any(batch["text_negatives"])
                assert np.array_equal(batch["negatives"], ~np.eye(2, dtype=bool))
    assert met


def test_iteration_k_is_epoch_k():
    corpus = numbered_corpus()
    alone = [as_lists(neighborhood_batches(corpus, 5, 2, first_epoch=e)) for e in range(4)]
    assert all(alone[a] != alone[b] for a in range(4) for b in range(a))
    batches = neighborhood_batches(corpus, 5, 2)
    assert [as_lists(batches) for _ in range(3)] == alone[:3]
    later = neighborhood_batches(corpus, 5, 2, first_epoch=2)
    assert [as_lists(later) for _ in range(2)] == alone[2:]


def test_seeds():
    corpus = numbered_corpus()
    first, again, other = (as_lists(neighborhood_batches(corpus, 5, seed=s)) for s in (3, 3, 4))
    assert first == again
    assert first != other


class Recorder(keras.layers.Layer):
    """Writes down the image column of each batch that a model is called on."""

    def __init__(self, seen, **kwargs):
        super().__init__(**kwargs)
        self.note = seen.append  # Keras would copy a list

    def call(self, inputs):
        images, texts, hidden = inputs

        def record(images, texts):
            self.note(
                ((images[:, 0].astype(int) - 1).tolist(), (texts[:, 0].astype(int) - 1).tolist())
            )
            return np.float32(0)

        noted = tf.numpy_function(record, [images, texts], tf.float32)
        noted.set_shape(())
        loss = noted + tf.reduce_sum(hidden)
        self.add_loss(loss)
        return loss

    def compute_output_shape(self, input_shape):
        return ()


def recording_model(seen):
    inputs = {
        "image": keras.Input((3,), name="image"),
        "text": keras.Input((2,), name="text"),
        **{name: keras.Input((None,), name=name, dtype="bool") for name in MASKS},
    }
    hidden = keras.layers.Dense(1)(inputs["image"])
    model = keras.Model(inputs, Recorder(seen)([inputs["image"], inputs["text"], hidden]))
    model.compile("sgd", jit_compile=False)
    return model


@pytest.mark.parametrize("validated", [False, True])
def test_fit_sees_one_epoch_after_the_other(validated):
    """Nothing of an epoch is lost to `fit` looking at the data before it begins."""
    corpus, seen = numbered_corpus(), []
    expected = []
    for epoch in range(3):
        expected += as_lists(neighborhood_batches(corpus, 5, first_epoch=epoch))
        if validated:
            expected += as_lists(neighborhood_batches(corpus, 6, seed=1, first_epoch=epoch))
    validation = neighborhood_batches(corpus, 6, seed=1) if validated else None
    recording_model(seen).fit(
        neighborhood_batches(corpus, 5),
        epochs=3,
        shuffle=False,
        verbose=0,
        validation_data=validation,
    )
    assert seen == expected


def test_first_batch_continues_the_middle_of_an_epoch():
    corpus = numbered_corpus()
    whole = neighborhood_batches(corpus, 5, first_epoch=1)
    first, second = as_lists(whole), as_lists(whole)
    assert len(first) > 4
    for left_out in (1, 3, len(first)):
        rest = neighborhood_batches(corpus, 5, first_epoch=1, first_batch=left_out)
        assert as_lists(rest) == first[left_out:]
        assert as_lists(rest) == second  # only the first epoch is cut


@pytest.mark.parametrize("num_shards", [2, 3, 9])
def test_shards_are_disjoint_and_complete(num_shards):
    corpus = numbered_corpus()
    whole = neighborhood_batches(corpus, 5)
    shards = [
        neighborhood_batches(corpus, 5, num_shards=num_shards, shard_index=i)
        for i in range(num_shards)
    ]
    for _ in range(2):
        parts = [as_lists(shard) for shard in shards]
        together = as_lists(whole)
        assert sorted(batch for part in parts for batch in part) == sorted(together)
        lengths = [len(part) for part in parts]
        assert max(lengths) - min(lengths) <= 1


def test_first_batch_counts_within_the_shard():
    corpus = numbered_corpus()
    shard = {"num_shards": 2, "shard_index": 1}
    whole = as_lists(neighborhood_batches(corpus, 5, **shard))
    rest = as_lists(neighborhood_batches(corpus, 5, **shard, first_batch=2))
    assert rest == whole[2:]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_memory_maps_of_any_float_type(tmp_path, dtype):
    corpus = numbered_corpus(dtype=dtype)
    expected = as_lists(neighborhood_batches(corpus, 5, 4))
    corpus.save(tmp_path / "corpus")
    loaded = Corpus.load(tmp_path / "corpus")
    assert isinstance(loaded.text_features, np.memmap)
    batches = list(neighborhood_batches(loaded, 5, 4))
    assert {batch["text"].dtype for batch in batches} == {tf.float32}
    assert as_lists(batches) == expected
    assert any(-1 in texts for _, texts in expected)
    np.testing.assert_array_equal(loaded.text_features, corpus.text_features)  # none zeroed


def test_features_in_memory_are_not_touched_by_padding():
    corpus = numbered_corpus()
    kept = corpus.text_features.copy(), corpus.image_features.copy()
    for _ in neighborhood_batches(corpus, 5, 8):
        pass
    np.testing.assert_array_equal(corpus.text_features, kept[0])
    np.testing.assert_array_equal(corpus.image_features, kept[1])


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "uint16"])
def test_word_indices_stay_ints(dtype):
    corpus = numbered_corpus()
    words = corpus.replace(text_features=corpus.text_features.astype(dtype))
    for batch, expected in zip(
        neighborhood_batches(words, 5, 8), neighborhood_batches(corpus, 5, 8)
    ):
        assert (batch["image"].dtype, batch["text"].dtype) == (tf.float32, tf.int32)
        np.testing.assert_array_equal(batch["text"], expected["text"])  # zeros for padding


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_teachers_rows_come_with_their_images_and_texts(dtype):
    corpus = numbered_corpus()
    teacher = [np.repeat(np.arange(1, s + 1)[:, None], 4, axis=1).astype(dtype) for s in (N, M)]
    batches = neighborhood_batches(corpus, 5, 8, teacher=teacher)
    for batch, expected in zip(batches, neighborhood_batches(corpus, 5, 8), strict=True):
        assert batch["teacher_image"].dtype == batch["teacher_text"].dtype == tf.float32
        assert (batch["teacher_image"].shape, batch["teacher_text"].shape) == ((5, 4), (40, 4))
        for view in ("image", "text"):  # and zeros for padding
            assert (batch[f"teacher_{view}"] == expected[view][:, :1]).numpy().all()


@pytest.mark.parametrize(
    "teacher",
    [
        (np.zeros((N, 3)), np.zeros((M, 4))),
        (np.zeros((N + 1, 3)), np.zeros((M, 3))),
        (np.zeros((N, 3)), np.zeros((M - 1, 3))),
        (np.zeros(N), np.zeros(M)),
        (np.zeros((N, 3), int), np.zeros((M, 3), int)),
    ],
)
def test_a_teacher_of_another_corpus_is_refused(teacher):
    with pytest.raises(ValueError, match="`teacher` must be floats of 12 images and 40 texts, row"):
        neighborhood_batches(numbered_corpus(), 5, teacher=teacher)


def test_a_teacher_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="`teacher` must be finite"):
        neighborhood_batches(
            numbered_corpus(), 5, teacher=(np.zeros((N, 1)), np.full((M, 1), np.nan))
        )


@pytest.mark.parametrize("lacking", ["image_features", "text_features"])
def test_missing_features_are_named(lacking):
    with pytest.raises(ValueError, match="`corpus` must have image_features and text_features"):
        neighborhood_batches(numbered_corpus().replace(**{lacking: None}), 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images_per_batch": 13}, "`images_per_batch` must be at most .* 12"),
        ({"images_per_batch": 0}, "`images_per_batch` must be a positive int"),
        ({"texts_per_image": 0}, "`texts_per_image` must be a positive int"),
        ({"num_shards": 0}, "`num_shards` must be a positive int.*num_shards=0"),
        (
            {"num_shards": 2, "shard_index": 2},
            "`shard_index` must be less than .*=2.*shard_index=2",
        ),
        ({"num_shards": 2, "shard_index": -1}, "`shard_index` must be a non-neg.*shard_index=-1"),
        ({"seed": -1}, "`seed` must be .*-1"),
        ({"first_epoch": -1}, "`first_epoch` must be .*-1"),
        ({"first_batch": -1}, "`first_batch` must be .*-1"),
        ({"mined_images": 2}, "`confused` must be given with mined_images=2"),
    ],
)
def test_numbers_out_of_range_are_named_at_once(arguments, message):
    """When the data set is made, not by its generator in the middle of `fit`."""
    with pytest.raises(ValueError, match=message):
        neighborhood_batches(numbered_corpus(), **{"images_per_batch": 5, **arguments})


def test_an_epochs_end_waits_for_no_tuning():
    batches = neighborhood_batches(numbered_corpus(), 4)
    assert not batches.options().autotune.enabled
