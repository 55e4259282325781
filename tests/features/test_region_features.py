"""Tests of the features of regions, with a backbone that costs nothing in place of the real one."""

import os

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.encoders.regions.region_cropping import crop_regions
from tb_keras.features import encode_corpus, encode_regions
from tb_keras.features import kept_regions as kept_regions_module
from tb_keras.features import region_blocks as region_blocks_module
from tb_keras.features import region_features as region_features_module
from tests.cases import slow_but
from tests.storage.archives import write_tar

SIZES = [(20, 12), (9, 31), (16, 16), (40, 5)]  # width, height


class Backbone:
    """Pixels `(batch, 6, 6, 3)` to means and the first pixel; stops when `batches` are used up."""

    input_shape = (None, 6, 6, 3)
    output_shape = (None, 6)
    batches = None

    def __init__(self):
        self.encoded = self.built = 0

    def predict_on_batch(self, pixels):
        if self.batches is not None:
            if not self.batches:
                raise KeyboardInterrupt
            self.batches -= 1
        self.encoded += len(pixels)
        return features_of(np.asarray(pixels))

    def get_layer(self, name):
        assert name == "backbone"
        return self


def features_of(pixels):
    return np.concatenate([pixels.mean(axis=(1, 2)), pixels[:, 0, 0]], axis=1) / 255


@pytest.fixture(autouse=True)
def backbone(tmp_path, monkeypatch):
    backbone = Backbone()

    def build(name, size=None):
        backbone.built += 1
        return backbone

    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(region_features_module, "image_encoder", build)
    monkeypatch.setattr(region_blocks_module, "_REGIONS_PER_BATCH", 4)
    monkeypatch.setattr(kept_regions_module, "_ROWS_PER_WRITE", 3)
    return backbone


@pytest.fixture
def pictures():
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (height, width, 3), np.uint8) for width, height in SIZES]


@pytest.fixture
def grounding(tmp_path, pictures):
    """30 regions in the pictures' order: 3, 0, 22 and 5 of them."""
    paths = [str(tmp_path / f"{row}.png") for row in range(len(pictures))]
    for path, pixels in zip(paths, pictures, strict=True):
        tf.io.write_file(path, tf.io.encode_png(pixels))
    region_pictures = np.repeat(np.arange(4), [3, 0, 22, 5])
    random = np.random.default_rng(1)
    corners = np.sort(random.uniform(0, 1, (len(region_pictures), 2, 2)), axis=1)
    boxes = (corners * np.array(SIZES)[region_pictures][:, None]).reshape(-1, 4)
    return Grounding(paths, SIZES, region_pictures, boxes, [], np.zeros((0, 4)))


def expected(grounding, pictures, spatial=True, context=False):
    rows = []
    for picture, box in zip(grounding.region_pictures, grounding.region_boxes, strict=True):
        pixels = tf.constant(pictures[picture], tf.float32)
        row = [features_of(crop_regions(pixels, box[None], 6, 6).numpy())[0]]
        height, width = pixels.shape[:2]
        if spatial:
            left, top, right, bottom = box
            sides = (right - left) / width, (bottom - top) / height
            row.append([left / width, top / height, *sides, sides[0] * sides[1]])
        if context:
            whole = tf.constant([[0, 0, width, height]], tf.float32)
            row.append(features_of(crop_regions(pixels, whole, 6, 6).numpy())[0])
        rows.append(np.concatenate(row))
    return np.array(rows)


@pytest.mark.parametrize("spatial", slow_but(True, cases=[True, False]))
@pytest.mark.parametrize("context", slow_but(True, cases=[True, False]))
def test_against_a_loop_over_regions(grounding, pictures, spatial, context):
    found = encode_regions(grounding, spatial=spatial, context=context, verbose=False)
    assert found.dtype == np.float16
    assert found.shape == (30, 6 + 5 * spatial + 6 * context)
    loop = expected(grounding, pictures, spatial, context)
    np.testing.assert_allclose(found, loop, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("spatial", [True, False])
def test_context_adds_the_whole_picture_and_nothing_else(grounding, pictures, spatial):
    without = encode_regions(grounding, spatial=spatial, verbose=False)
    found = encode_regions(grounding, spatial=spatial, context=True, verbose=False)
    np.testing.assert_array_equal(found[:, :-6], without)
    whole = grounding.with_regions(np.arange(4), [[0, 0, width, height] for width, height in SIZES])
    around = encode_regions(whole, spatial=False, verbose=False)
    np.testing.assert_array_equal(found[:, -6:], around[grounding.region_pictures])


@pytest.mark.slow
@pytest.mark.parametrize("context", [False, True])
def test_regions_in_any_order(grounding, pictures, context):
    order = np.random.default_rng(2).permutation(30)
    mixed = grounding.subset(order, [])
    assert (np.diff(mixed.region_pictures) < 0).any()
    found = encode_regions(mixed, context=context, verbose=False)
    np.testing.assert_allclose(found, expected(mixed, pictures, True, context), atol=1e-3)
    sorted_ones = encode_regions(grounding, context=context, verbose=False)
    np.testing.assert_allclose(found, sorted_ones[order], atol=1e-3)


@pytest.mark.slow
def test_pictures_in_an_archive(grounding, pictures, tmp_path, backbone):
    """They have the same features, and are the same content."""
    names = [f"{row}.png" for row in range(4)]
    archive = write_tar(tmp_path / "a.tar", [(n, (tmp_path / n).read_bytes()) for n in names])
    packed = Grounding(
        [f"{archive}::{name}" for name in names],
        grounding.picture_sizes,
        grounding.region_pictures,
        grounding.region_boxes,
        [],
        np.zeros((0, 4)),
    )
    found = encode_regions(packed, verbose=False)
    np.testing.assert_allclose(found, expected(grounding, pictures), atol=1e-3)
    np.testing.assert_array_equal(encode_regions(grounding, verbose=False), found)
    assert backbone.built == 1


@pytest.mark.slow
def test_the_second_call_computes_nothing(grounding, backbone):
    first = encode_regions(grounding, context=True, verbose=False)
    assert (backbone.built, backbone.encoded) == (1, 30 + 4)
    second = encode_regions(grounding, context=True, verbose=False)
    assert (backbone.built, backbone.encoded) == (1, 30 + 4)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("batches", "kept"), slow_but((2, 3), cases=[(0, 0), (1, 3), (2, 3), (7, 25)])
)
@pytest.mark.parametrize("shuffled", slow_but(True, cases=[False, True]))
def test_a_killed_run_goes_on(grounding, pictures, backbone, batches, kept, shuffled):
    """The pictures of which all regions were encoded are kept; batches are of four regions."""
    if shuffled:
        grounding = grounding.subset(np.random.default_rng(3).permutation(30), [])
    backbone.batches = batches
    with pytest.raises(KeyboardInterrupt):
        encode_regions(grounding, verbose=False)
    backbone.batches, backbone.encoded = None, 0
    found = encode_regions(grounding, verbose=False)
    assert backbone.encoded == 30 - kept
    np.testing.assert_allclose(found, expected(grounding, pictures), atol=1e-3)


def test_only_new_pictures_are_encoded(grounding, pictures, backbone):
    """In front of the others, behind them, or both; a picture that is gone does no harm."""
    some = grounding.subset(grounding.region_pictures == 2, [])
    encode_regions(some, verbose=False)
    assert backbone.encoded == 22
    found = encode_regions(grounding, verbose=False)
    assert backbone.encoded == 30
    np.testing.assert_allclose(found, expected(grounding, pictures), atol=1e-3)
    again = encode_regions(some, verbose=False)
    assert backbone.encoded == 30
    np.testing.assert_array_equal(again, found[3:25])


def test_equal_pictures_are_encoded_once(grounding, pictures, backbone, tmp_path):
    os.remove(tmp_path / "1.png")
    os.link(tmp_path / "3.png", tmp_path / "1.png")
    boxes = np.concatenate([grounding.region_boxes, grounding.region_boxes[25:]])
    twice = Grounding(
        grounding.picture_paths,
        [SIZES[0], SIZES[3], *SIZES[2:]],
        np.append(grounding.region_pictures, [1] * 5),
        boxes,
        [],
        np.zeros((0, 4)),
    )
    found = encode_regions(twice, verbose=False)
    assert backbone.encoded == 30
    np.testing.assert_array_equal(found[30:], found[25:30])


def test_crops_of_one_picture_are_not_made_all_at_once(grounding, monkeypatch):
    counts = []

    def counting(pixels, boxes, height, width):
        tf.py_function(lambda number: counts.append(int(number)), [tf.shape(boxes)[0]], [])
        return crop_regions(pixels, boxes, height, width)

    monkeypatch.setattr("tb_keras.encoders.regions.region_cropping.crop_regions", counting)
    encode_regions(grounding, verbose=False)
    assert sum(counts) == 30
    assert max(counts) == 4


def test_a_changed_picture_is_encoded_anew(grounding, pictures, backbone):
    encode_regions(grounding, verbose=False)
    backbone.encoded = 0
    pictures[2] = 255 - pictures[2]
    tf.io.write_file(grounding.picture_paths[2], tf.io.encode_png(pictures[2]))
    found = encode_regions(grounding, verbose=False)
    assert backbone.encoded == 22
    np.testing.assert_allclose(found, expected(grounding, pictures), atol=1e-3)


@pytest.mark.slow
def test_a_changed_region_is_encoded_anew(grounding, pictures):
    encode_regions(grounding, verbose=False)
    boxes = grounding.region_boxes.copy()
    boxes[7] = (1, 1, 5, 5)
    moved = grounding.with_regions(grounding.region_pictures, boxes)
    found = encode_regions(moved, verbose=False)
    np.testing.assert_allclose(found, expected(moved, pictures), atol=1e-3)
    other = grounding.region_pictures.copy()
    other[7] = 3
    moved = grounding.with_regions(other, boxes)
    found = encode_regions(moved, verbose=False)
    np.testing.assert_allclose(found, expected(moved, pictures), atol=1e-3)


@pytest.mark.slow
def test_corrected_sizes_are_encoded_anew(tmp_path, grounding, pictures):
    sizes = grounding.picture_sizes
    wrong = Grounding(
        grounding.picture_paths,
        sizes * 2,
        grounding.region_pictures,
        grounding.region_boxes,
        [],
        np.zeros((0, 4)),
    )
    encode_regions(wrong, verbose=False)
    found = encode_regions(grounding, verbose=False)
    np.testing.assert_allclose(found, expected(grounding, pictures), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{"encoder": "other"}, {"size": 64}, {"spatial": False}, {"context": True}]
)
def test_other_options_are_other_features(grounding, backbone, options):
    encode_regions(grounding, verbose=False)
    backbone.encoded = 0
    encode_regions(grounding, verbose=False, **options)
    assert backbone.encoded >= 30


def test_moved_pictures_are_the_same_pictures(tmp_path, grounding, backbone):
    encode_regions(grounding, verbose=False)
    paths = [str(tmp_path / f"moved{row}.png") for row in range(4)]
    for source, target in zip(grounding.picture_paths, paths, strict=True):
        os.rename(source, target)
    moved = Grounding(
        paths, SIZES, grounding.region_pictures, grounding.region_boxes, [], np.zeros((0, 4))
    )
    encode_regions(moved, verbose=False)
    assert backbone.encoded == 30


@pytest.mark.slow
def test_a_corpus_gets_its_regions_features(grounding, pictures):
    phrases = Grounding(
        grounding.picture_paths,
        SIZES,
        grounding.region_pictures,
        grounding.region_boxes,
        [0, 2],
        grounding.region_boxes[[1, 5]],
    )
    corpus = Corpus(
        phrases.matches_by_iou(), text_features=np.ones((2, 3), np.float32), grounding=phrases
    )
    encoded = encode_corpus(corpus, verbose=False, spatial=False, context=True)
    loop = expected(grounding, pictures, spatial=False, context=True)
    np.testing.assert_allclose(encoded.image_features, loop, atol=1e-3)


class PoolerOfMeans:
    """Gives the mean colours of the picture, and the boxes in shares of it."""

    def __init__(self, backbone):
        self.backbone = backbone

    def __call__(self, pixels, boxes):
        self.backbone.encoded += 1
        means = tf.reduce_mean(pixels, axis=(1, 2))[:, None]
        return tf.concat([tf.repeat(means, tf.shape(boxes)[1], axis=1), boxes], axis=-1)


@pytest.fixture
def pooler(monkeypatch):
    module = "tb_keras.encoders.regions.region_pooling"
    monkeypatch.setattr(f"{module}.RegionPooler", PoolerOfMeans)
    monkeypatch.setattr("tensorflow.function", lambda function, **options: function)


@pytest.mark.parametrize("context", [False, True])
def test_pooled_regions_see_each_picture_once(grounding, pictures, backbone, pooler, context):
    found = encode_regions(grounding, context=context, verbose=False, region_features="pooled")
    assert backbone.encoded == 3  # one picture has no region
    own, around = found[:, :7], found[:, 12:]
    shares = grounding.region_boxes / np.tile(grounding.picture_sizes, 2)[grounding.region_pictures]
    np.testing.assert_allclose(own[:, 3:], shares, atol=1e-3)
    means = np.array([picture.mean(axis=(0, 1)) for picture in pictures])
    np.testing.assert_allclose(own[:, :3], means[grounding.region_pictures], atol=8)  # resized
    whole = np.concatenate([own[:, :3], np.tile([0, 0, 1, 1], (30, 1))], axis=1)
    np.testing.assert_array_equal(around, whole if context else own[:, :0])


@pytest.mark.slow
@pytest.mark.parametrize("context", [False, True])
def test_pooled_regions_in_any_order(grounding, pooler, context):
    order = np.random.default_rng(2).permutation(30)
    options = {"context": context, "verbose": False, "region_features": "pooled"}
    mixed = encode_regions(grounding.subset(order, []), **options)
    np.testing.assert_array_equal(mixed, encode_regions(grounding, **options)[order])


@pytest.mark.slow
def test_a_killed_run_of_pooled_regions_goes_on(grounding, backbone, pooler, monkeypatch):
    options = {"verbose": False, "region_features": "pooled"}
    expected = np.array(encode_regions(grounding, **options))
    moved = grounding.with_regions(grounding.region_pictures, grounding.region_boxes * 0.5)
    pooled = PoolerOfMeans.__call__

    def killed(self, pixels, boxes):
        if self.backbone.encoded == 2:
            raise KeyboardInterrupt
        return pooled(self, pixels, boxes)

    backbone.encoded = 0
    with monkeypatch.context() as patch:
        patch.setattr(PoolerOfMeans, "__call__", killed)
        with pytest.raises(KeyboardInterrupt):
            encode_regions(moved, **options)
    found = encode_regions(moved, **options)
    assert backbone.encoded == 3  # two pictures before the kill, and the third
    np.testing.assert_allclose(found[:, 3:7], expected[:, 3:7] * 0.5, atol=1e-3)


@pytest.mark.parametrize("region_features", slow_but("pooled", cases=["crops", "pooled"]))
def test_the_disk_need_is_said_before_it_starts(grounding, pooler, capsys, region_features):
    encode_regions(grounding, context=True, region_features=region_features)
    said = "30 regions, 17 numbers each: 0 MB on disk\n"
    out = capsys.readouterr().out
    assert out.index(said) < out.index("30/30")
    encode_regions(grounding, context=True, region_features=region_features)
    assert not capsys.readouterr().out  # nothing is written


def test_no_region_is_an_error(grounding):
    with pytest.raises(ValueError, match="`grounding` must have at least one region"):
        encode_regions(grounding.subset([], []), verbose=False)


def test_a_missing_picture_is_named(grounding):
    os.remove(grounding.picture_paths[2])
    with pytest.raises(FileNotFoundError, match=r"2\.png"):
        encode_regions(grounding, verbose=False)
