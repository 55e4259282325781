"""Tests of `Matches` against dense matrices and loops over pairs."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus.matches import Matches

MATCH, IGNORED, NEGATIVE = 1, 2, 0


@st.composite
def kinds(draw, max_images=5, max_texts=6):
    """A dense int matrix (n, m): what each pair is. Rows and columns without a match happen."""
    n, m = draw(st.integers(1, max_images)), draw(st.integers(1, max_texts))
    cells = draw(
        st.lists(
            st.sampled_from([NEGATIVE, NEGATIVE, MATCH, IGNORED]), min_size=n * m, max_size=n * m
        )
    )
    return np.array(cells).reshape(n, m)


@st.composite
def batches(draw):
    """A relation and a batch of it: indices in any order, repeated, -1 for padding."""
    dense = draw(kinds())
    images = draw(st.lists(st.integers(-1, dense.shape[0] - 1), max_size=6))
    texts = draw(st.lists(st.integers(-1, dense.shape[1] - 1), max_size=7))
    return dense, np.array(images, int), np.array(texts, int)


def relation(dense):
    return Matches(np.argwhere(dense == MATCH), *dense.shape, ignored=np.argwhere(dense == IGNORED))


def dense_of(matches):
    dense = np.zeros((matches.num_images, matches.num_texts), int)
    dense[tuple(matches.pairs.T)] = MATCH
    dense[tuple(matches.ignored.T)] = IGNORED
    return dense


def columns_are_negatives(dense, j, k):
    """Whether the columns j and k, as texts, are each other's negatives; -1 is padding."""
    if j < 0 or k < 0 or j == k:
        return False
    for kinds_of_j, kinds_of_k in zip(dense[:, j], dense[:, k]):
        if kinds_of_j == MATCH and kinds_of_k != NEGATIVE:
            return False
        if kinds_of_k == MATCH and kinds_of_j != NEGATIVE:
            return False
    return True


@given(kinds())
def test_pairs_and_neighbours_are_those_of_the_dense_matrix(dense):
    matches = relation(dense)
    n, m = dense.shape
    np.testing.assert_array_equal(matches.pairs, np.argwhere(dense == MATCH))
    np.testing.assert_array_equal(matches.ignored, np.argwhere(dense == IGNORED))
    for i in range(n):
        np.testing.assert_array_equal(matches.texts_of(i), np.flatnonzero(dense[i] == MATCH))
    for j in range(m):
        np.testing.assert_array_equal(matches.images_of(j), np.flatnonzero(dense[:, j] == MATCH))
    np.testing.assert_array_equal(matches.texts_per_image(), (dense == MATCH).sum(axis=1))
    np.testing.assert_array_equal(matches.images_per_text(), (dense == MATCH).sum(axis=0))
    np.testing.assert_array_equal(matches.mask(), dense == MATCH)
    np.testing.assert_array_equal(matches.negative_mask(), dense == NEGATIVE)
    assert matches.pairs.dtype == matches.texts_of(0).dtype == matches.images_of(0).dtype == "int32"


@given(batches())
def test_batch_masks_are_those_of_the_whole_dense_matrix(batch):
    dense, images, texts = batch
    masks = relation(dense).batch_masks(images, texts)
    expected_shapes = [(len(images), len(texts))] * 2 + [(len(texts),) * 2, (len(images),) * 2]
    assert [mask.shape for mask in masks] == expected_shapes
    assert all(mask.dtype == bool for mask in masks)
    for a, i in enumerate(images):
        for b, j in enumerate(texts):
            kind = dense[i, j] if i >= 0 and j >= 0 else None
            assert masks.matches[a, b] == (kind == MATCH)
            assert masks.negatives[a, b] == (kind == NEGATIVE)
    for a, j in enumerate(texts):
        for b, k in enumerate(texts):
            assert masks.text_negatives[a, b] == columns_are_negatives(dense, j, k)
    for a, i in enumerate(images):
        for b, k in enumerate(images):
            assert masks.image_negatives[a, b] == columns_are_negatives(dense.T, i, k)


@given(batches())
def test_dense_blocks_and_pairs_of_each(batch):
    dense, images, texts = batch
    matches = relation(dense)
    padded = np.pad(dense, ((0, 1), (0, 1)), constant_values=-1)  # index -1 meets the padding
    np.testing.assert_array_equal(matches.mask(images, texts), padded[np.ix_(images, texts)] == 1)
    np.testing.assert_array_equal(
        matches.negative_mask(images, texts), padded[np.ix_(images, texts)] == NEGATIVE
    )
    np.testing.assert_array_equal(
        matches.mask(texts=texts), padded[: len(dense)][:, texts] == MATCH
    )
    position, text = matches.texts_of_each(images)
    expected = [(a, j) for a, i in enumerate(images) if i >= 0 for j in matches.texts_of(i)]
    assert list(zip(position.tolist(), text.tolist())) == [(a, int(j)) for a, j in expected]
    position, image = matches.images_of_each(texts)
    expected = [
        (b, i) for b, j in enumerate(texts) if j >= 0 for i in range(len(dense)) if dense[i, j] == 1
    ]
    assert list(zip(position.tolist(), image.tolist())) == expected
    assert image.dtype == "int32"


@given(kinds())
def test_transposed(dense):
    transposed = relation(dense).transposed()
    np.testing.assert_array_equal(dense_of(transposed), dense.T)
    assert transposed.transposed() == relation(dense)


@given(kinds(), st.randoms(use_true_random=False))
def test_subset_renumbers_in_the_given_order(dense, random):
    images = random.sample(range(dense.shape[0]), random.randint(0, dense.shape[0]))
    texts = random.sample(range(dense.shape[1]), random.randint(0, dense.shape[1]))
    found = relation(dense).subset(images, texts)
    np.testing.assert_array_equal(
        dense_of(found), dense[np.ix_(images, texts)].reshape(len(images), len(texts))
    )


@given(kinds())
def test_text_neighbors_is_retrieval_within_the_view(dense):
    neighbors = relation(dense).text_neighbors()
    found = dense_of(neighbors)
    m = dense.shape[1]
    assert found.shape == (m, m)
    for j in range(m):
        for k in range(m):
            share = ((dense[:, j] == MATCH) & (dense[:, k] == MATCH)).any()
            if j == k:
                expected = IGNORED
            elif share:
                expected = MATCH
            elif columns_are_negatives(dense, j, k):
                expected = NEGATIVE
            else:
                expected = IGNORED
            assert found[j, k] == expected, (j, k)


def test_an_image_outside_the_batch_makes_two_texts_neighbours():
    matches = Matches([(0, 0), (1, 1), (2, 0), (2, 1)], num_images=3, num_texts=2)
    masks = matches.batch_masks([0, 1], [0, 1])
    np.testing.assert_array_equal(masks.matches, np.eye(2, dtype=bool))
    assert not masks.text_negatives.any()
    # The images 0 and 1 share no text, but each is a negative of the other's: they stay apart.
    np.testing.assert_array_equal(masks.image_negatives, ~np.eye(2, dtype=bool))


def test_an_ignored_pair_keeps_its_texts_from_being_negatives():
    matches = Matches([(0, 0), (1, 1)], 2, 3, ignored=[(0, 1)])
    masks = matches.batch_masks([0, 1], [0, 1, 2])
    np.testing.assert_array_equal(masks.negatives, [[False, False, True], [True, False, True]])
    assert not masks.text_negatives[0, 1]
    assert not masks.text_negatives[1, 0]
    assert masks.text_negatives[0, 2]
    assert masks.text_negatives[2, 0]
    assert not masks.image_negatives.any()


def test_repeated_and_unsorted_pairs_count_once():
    matches = Matches([(1, 0), (0, 2), (1, 0), (0, 1)], 2, 3, ignored=[(1, 2), (1, 1), (1, 2)])
    np.testing.assert_array_equal(matches.pairs, [(0, 1), (0, 2), (1, 0)])
    np.testing.assert_array_equal(matches.ignored, [(1, 1), (1, 2)])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64"])
def test_integer_types(dtype):
    pairs = np.array([(0, 1), (1, 0)], dtype)
    assert Matches(pairs, 2, 2) == Matches([(0, 1), (1, 0)], 2, 2)
    assert Matches.of(pairs[:, 0]) == Matches.of([0, 1])


def test_narrow_indices_of_a_large_relation_do_not_overflow():
    pairs = np.array([(30_000, 29_999), (29_999, 30_000)], np.int16)
    matches = Matches(pairs, 30_001, 30_001)
    np.testing.assert_array_equal(matches.pairs, pairs[::-1])


def test_the_accepted_forms():
    expected = Matches([(0, 0), (0, 1), (2, 2)], 3, 3)
    assert Matches.of(np.array([0, 0, 2])) == expected
    assert Matches.of(np.array([0, 0, 2]), num_images=3) == expected
    assert Matches.of(np.array([0, 0, 2]), num_images=4).num_images == 4
    dense = np.array([[True, True, False], [False] * 3, [False, False, True]])
    assert Matches.of(dense) == expected
    assert Matches.of(expected) is expected


def test_equality_and_repr():
    first = Matches([(0, 0)], 2, 2)
    assert first == Matches([(0, 0)], 2, 2)
    assert first != Matches([(0, 0)], 2, 3)
    assert first != Matches([(0, 1)], 2, 2)
    assert first != Matches([(0, 0)], 2, 2, ignored=[(1, 1)])
    assert first != "Matches"
    assert repr(first) == "Matches(2 images, 2 texts, 1 pairs, 0 ignored)"
    with pytest.raises(TypeError):
        hash(first)


@pytest.mark.parametrize("sizes", [(0, 0), (0, 3), (3, 0), (2, 3)])
def test_empty_relations(sizes):
    matches = Matches([], *sizes)
    assert matches.mask().shape == sizes
    assert matches.negative_mask().all()
    assert matches.transposed().transposed() == matches
    assert len(matches.text_neighbors().pairs) == 0
    assert matches.texts_per_image().shape == sizes[:1]
    assert matches.images_per_text().shape == sizes[1:]
    nothing = np.zeros(0, int)
    assert [mask.size for mask in matches.batch_masks(nothing, nothing)] == [0, 0, 0, 0]
    assert matches.subset([], []) == Matches([], 0, 0)
    padding = np.array([-1, -1])
    assert [len(part) for part in matches.images_of_each(padding)] == [0, 0]
    assert [len(part) for part in matches.texts_of_each(padding)] == [0, 0]
    assert not any(mask.any() for mask in matches.batch_masks(padding, padding))


def test_an_empty_list_is_an_empty_batch():
    """An empty list is float64 to NumPy; `mask` takes it, so the others must."""
    matches = Matches.of([0, 0, 1])
    assert matches.mask([], []).shape == (0, 0)
    assert Matches.of([]) == Matches([], 0, 0)
    assert [len(part) for part in matches.texts_of_each([])] == [0, 0]
    assert [len(part) for part in matches.images_of_each([])] == [0, 0]
    assert [mask.shape for mask in matches.batch_masks([], [0])] == [(0, 1), (0, 1), (1, 1), (0, 0)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([(0, 0), (2, 0)], 2, 3), r"`pairs` must hold image indices in \[0, 2\).*2 in row 1"),
        (([(0, 0), (1, 3)], 2, 3), r"`pairs` must hold text indices in \[0, 3\).*3 in row 1"),
        (([(0, -1)], 2, 3), r"`pairs` must hold text indices in \[0, 3\).*-1 in row 0"),
        (([(-1, 0)], 2, 3), r"`pairs` must hold image indices in \[0, 2\).*-1 in row 0"),
        (([(0, 0)], 0, 0), r"`pairs` must hold image indices in \[0, 0\)"),
        (([0, 1], 2, 3), r"`pairs` must be an int array of shape \(p, 2\).*shape=\(2,\)"),
        (([(0, 1, 2)], 2, 3), r"`pairs` must be an int array of shape \(p, 2\).*shape=\(1, 3\)"),
        (([(0.0, 1.0)], 2, 3), r"`pairs` must be an int array.*float64"),
        (([(True, False)], 2, 3), r"`pairs` must be an int array.*bool"),
        (([(0, 0)], -1, 3), r"`num_images` must be a non-negative int. Received: num_images=-1"),
        (([(0, 0)], 1, 2.0), r"`num_texts` must be a non-negative int. Received: num_texts=2.0"),
        (
            ([(0, 0)], True, 2),
            "`num_images` must be a non-negative int.*num_images=True",
        ),
        (([(0, 0)], 2, 3, [(0, 3)]), r"`ignored` must hold text indices.*3 in row 0"),
        (([(0, 0)], 2, 3, [0]), r"`ignored` must be an int array of shape \(p, 2\)"),
        (
            ([(0, 0), (1, 2)], 2, 3, [(0, 1), (1, 2)]),
            "both a match and ignored. Received: image 1 and text 2",
        ),
    ],
)
def test_wrong_pairs_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Matches(*arguments)


@pytest.mark.parametrize(
    ("matches", "num_images", "message"),
    [
        (np.zeros((2, 3)), None, r"`matches` must be .*shape=\(2, 3\), dtype=float64"),
        (np.zeros((2, 3), int), None, "`matches` must be .*dtype=int64"),
        (np.array([True, False]), None, "`matches` must be .*dtype=bool"),
        (np.array([0.0, 1.0]), None, "`matches` must be .*dtype=float64"),
        (np.zeros((1, 2, 3), bool), None, r"`matches` must be .*shape=\(1, 2, 3\)"),
        (np.array([0, -1]), None, "`pairs` must hold image indices.*-1 in row 1"),
        (np.array([0, 4]), 3, "`pairs` must hold image indices.*4 in row 1"),
        (np.zeros((2, 3), bool), 3, "`matches` must have 3 images. Received: 2"),
        (Matches([], 2, 3), 3, "`matches` must have 3 images. Received: 2"),
    ],
)
def test_wrong_forms_are_named(matches, num_images, message):
    with pytest.raises(ValueError, match=message):
        Matches.of(matches, num_images)


@pytest.mark.parametrize(("images", "texts"), [([0], [5]), ([5], [0]), ([-2], [0]), ([0], [-2])])
@pytest.mark.parametrize("method", ["mask", "negative_mask", "batch_masks"])
def test_indices_outside_the_relation_are_no_silent_negatives(method, images, texts):
    """-1 is padding; any other index out of range is a mistake that must not pass for a mask."""
    with pytest.raises((ValueError, IndexError)):
        getattr(Matches.of([0, 1]), method)(images, texts)


@pytest.mark.parametrize(
    ("images", "texts"),
    [([2], [0]), ([0], [3]), ([-1], [0]), ([0], [-1]), ([0, 0], [0]), ([0], [1, 1])],
)
def test_subset_wants_distinct_indices_in_range(images, texts):
    """`subset` promises distinct indices: a repeated or negative one silently loses pairs."""
    with pytest.raises((ValueError, IndexError)):
        Matches.of([0, 0, 1]).subset(images, texts)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.mask([0, 5], [0]), r"`images` must hold .*\[-1, 2\).*5 in position 1"),
        (lambda m: m.texts_of_each([-2]), r"`images` must hold .*-2 in position 0"),
        (lambda m: m.images_of_each([0, 3]), r"`texts` must hold .*\[-1, 3\).*3 in position 1"),
        (lambda m: m.images_of_each([[0]]), r"`texts` must be an int array.*shape=\(1, 1\)"),
        (lambda m: m.batch_masks([0], [3]), r"`texts` must hold indices in \[-1, 3\).*3 in "),
        (lambda m: m.mask([0.0], [0]), r"`images` must be an int array.*float64"),
        (lambda m: m.subset([0, -1], [0]), r"`images` must hold indices in \[0, 2\).*-1 in "),
        (lambda m: m.subset([0], [2, 1, 2]), r"`texts` must hold distinct .*2 in position 0"),
    ],
)
def test_wrong_indices_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(Matches.of([0, 0, 1]))


def held_bytes(thing):
    """Bytes of all arrays that an object holds, however deep; a shared one counts once."""
    arrays, seen = {}, [thing]
    while seen:
        for value in vars(seen.pop()).values():
            if isinstance(value, np.ndarray):
                while isinstance(value.base, np.ndarray):  # a view keeps the whole array alive
                    value = value.base
                arrays[id(value)] = value.nbytes
            elif hasattr(value, "__dict__"):
                seen.append(value)
    return sum(arrays.values())


def test_memory_grows_with_the_pairs_alone():
    """A tenth of 1 M images and 5 M texts: the whole must stay well under 1 GiB, in making too."""
    n, m = 100_000, 500_000
    images = np.random.default_rng(0).integers(0, n, m)
    tracemalloc.start()
    try:
        matches = Matches.of(images, num_images=n)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert held_bytes(matches) < 130e6 / 10
    assert peak < 2**29 / 10
