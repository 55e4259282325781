"""Tests of the extraction of features, with a network that costs nothing in place of a real one."""

import json
import os
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.encoders.image.image_encoder import image_encoder
from tb_keras.features import extraction as extraction_module
from tb_keras.features.extraction import extract_features
from tb_keras.features.feature_directory import read_rows, read_settings, read_unreadable
from tests.cases import slow_but
from tests.storage.archives import write_tar


def tiny_encoder(name, weights, size, crops):
    """Files to mean red, green and blue, `crops` times."""
    image_bytes = keras.Input((), dtype="string")
    pixels = DecodeImages(4, 4, name="decode_images")(image_bytes)
    means = keras.layers.GlobalAveragePooling2D()(pixels)
    return keras.Model(image_bytes, means * crops)


@pytest.fixture
def built(monkeypatch):
    """Arguments of the encoders built so far."""
    arguments = []

    def build(*others, **named):
        arguments.append((others, named))
        return tiny_encoder(*others, **named)

    monkeypatch.setattr(extraction_module, "image_encoder", build)
    return arguments


class Pictures:
    """A folder of pictures of one colour each."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.colors = folder, {}

    def add(self, *names, mtime=1000):
        for name in names:
            color = (len(self.colors), len(name), mtime % 256)
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tf.io.encode_png(np.full((5, 6, 3), color, np.uint8)).numpy())
            os.utime(path, (mtime, mtime))
            self.colors[name] = color

    def damage(self, *names, content=b"no picture"):
        for name in names:
            (self.folder / name).write_bytes(content)

    def extract(self, names=None, **options):
        names = sorted(os.listdir(self.folder)) if names is None else names
        paths = [str(self.folder / name) for name in names]
        output = self.folder.parent / "features"
        return extract_features(paths, names, output, **{"verbose": False, **options})

    def check(self, crops=1):
        output = self.folder.parent / "features"
        features, rows = np.load(output / "features.npy"), read_rows(output)
        assert len(features) == len(rows)
        for name, row in rows.items():
            np.testing.assert_allclose(features[row.row], crops * np.array(self.colors[name]))
        return rows


@pytest.fixture
def pictures(tmp_path, built):
    return Pictures(tmp_path / "pictures")


NAMES = [f"{number:02}.png" for number in range(10)]


def test_in_order(pictures, built):
    pictures.add(*NAMES)
    assert pictures.extract(batch_size=4, crops=10, size=64) == (10, 0, {})
    rows = pictures.check(crops=10)
    assert [row.row for row in rows.values()] == list(range(10))
    assert list(rows) == NAMES
    state = (pictures.folder / NAMES[3]).stat()
    assert rows[NAMES[3]] == (3, state.st_size, state.st_mtime_ns)
    output = pictures.folder.parent / "features"
    assert np.load(output / "features.npy").dtype == np.float16
    settings = read_settings(output)
    assert settings["encoder"] == "efficientnet_lite0_levels"
    assert (settings["weights"], settings["size"], settings["crops"]) == ("pretrained", 64, 10)
    assert settings["packages"]["keras"] == keras.__version__
    arguments = {"weights": "pretrained", "size": 64, "crops": 10}
    assert built == [(("efficientnet_lite0_levels",), arguments)]


@pytest.mark.slow
def test_members_of_an_archive(pictures, tmp_path):
    """They are encoded again if the archive has changed."""
    pictures.add(*NAMES)
    files = [(name, (pictures.folder / name).read_bytes()) for name in NAMES]
    archive = write_tar(tmp_path / "a.tar", [*files, ("broken.png", b"no picture")])
    names = [*NAMES, "broken.png"]

    def extract():
        paths = [f"{archive}::{name}" for name in names]
        return extract_features(paths, names, tmp_path / "features", verbose=False)

    done = extract()
    assert (done.encoded, done.kept, list(done.unreadable)) == (10, 0, ["broken.png"])
    assert list(pictures.check()) == NAMES
    assert extract()[:2] == (0, 10)
    write_tar(archive, [*files, ("new.png", b"")])
    names.pop()
    assert extract()[:2] == (10, 0)


def test_unreadable_pictures_are_left_out_wherever_they_are(pictures):
    pictures.add(*NAMES)
    bad = [NAMES[number] for number in (0, 4, 5, 6, 7, 9)]  # 4 to 7 are a batch
    pictures.damage(*bad)
    done = pictures.extract(batch_size=4)
    assert done[:2] == (4, 0)
    assert list(done.unreadable) == bad
    assert all("Unknown image file format" in reason for reason in done.unreadable.values())
    assert [row.row for row in pictures.check().values()] == [0, 1, 2, 3]
    assert read_unreadable(pictures.folder.parent / "features") == done.unreadable
    again = pictures.extract()
    assert again == (0, 4, done.unreadable)
    pictures.add(NAMES[4])
    pictures.folder.joinpath(NAMES[9]).unlink()
    repaired = pictures.extract()
    assert repaired[:2] == (1, 4)
    assert list(repaired.unreadable) == [NAMES[number] for number in (0, 5, 6, 7)]
    assert pictures.check()[NAMES[4]].row == 4


def test_strict(pictures):
    pictures.add(*NAMES)
    pictures.damage(NAMES[5], content=b"")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"'05\.png' cannot be read: Input is empty"):
            pictures.extract(batch_size=4, strict=True)
        pictures.check()  # what was encoded before stays
    assert pictures.extract().kept == 9


def test_only_new_and_changed_pictures_are_encoded(pictures, built):
    pictures.add(*NAMES[:5], NAMES[7])
    pictures.extract()
    pictures.add(NAMES[6], NAMES[8])  # new, one in the middle
    pictures.add(NAMES[2], mtime=2000)  # changed
    done = pictures.extract()
    assert done == (3, 5, {})
    rows = pictures.check()
    assert [row.row for row in rows.values()] == list(range(8))
    assert list(rows) == [*NAMES[:5], NAMES[7], NAMES[6], NAMES[8]]
    assert len(built) == 2
    assert pictures.extract() == (0, 8, {})
    assert len(built) == 2  # nothing to do, no network
    output = pictures.folder.parent / "features"
    assert len((output / "images.jsonl").read_text().splitlines()) == 8


@pytest.mark.slow
def test_a_changed_picture_that_is_damaged_loses_its_features(pictures):
    pictures.add(*NAMES)
    pictures.extract()
    pictures.damage(NAMES[3])
    assert list(pictures.extract().unreadable) == [NAMES[3]]
    output = pictures.folder.parent / "features"
    assert [row.row for row in read_rows(output).values()] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    pictures.add("new.png")
    pictures.extract()
    assert pictures.check()["new.png"].row == 3


def test_pictures_that_are_away_keep_their_features(pictures):
    pictures.add(*NAMES)
    pictures.extract()
    pictures.folder.joinpath(NAMES[3]).unlink()
    assert pictures.extract(NAMES) == (0, 10, {})
    assert pictures.extract(NAMES[:2]) == (0, 2, {})
    assert len(pictures.check()) == 10


@pytest.mark.parametrize("stop_after", slow_but(2, cases=[1, 2, 3]))
def test_interrupted_and_gone_on_with(pictures, monkeypatch, stop_after):
    pictures.add(*NAMES)
    pictures.damage(NAMES[1], NAMES[8])
    add, count = extraction_module.FeatureDirectory.add, []

    def stopping(*arguments):
        if len(count) == stop_after:
            raise KeyboardInterrupt
        count.append(len(arguments[2]))
        return add(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(extraction_module.FeatureDirectory, "add", stopping)
        if stop_after < 3:
            with pytest.raises(KeyboardInterrupt):
                pictures.extract(batch_size=4)
        else:
            pictures.extract(batch_size=4)
    done = pictures.extract(batch_size=4)
    assert (done.encoded, done.kept) == (8 - sum(count), sum(count))
    assert list(done.unreadable) == [NAMES[1], NAMES[8]] if stop_after == 3 else True
    assert sorted(done.unreadable) == [NAMES[1], NAMES[8]]
    assert [row.row for row in pictures.check().values()] == list(range(8))


def test_names_of_all_kinds(pictures):
    names = ["ä ö/日本.png", "ä ö/a.png", "b/a.png", os.fsdecode(b"latin-\xe9.png")]
    pictures.add(*names)
    assert pictures.extract(names) == (4, 0, {})
    assert list(pictures.check()) == names


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"crops": 10}, "crops=1 there, crops=10 now"),
        ({"size": 64}, "size=None there, size=64 now"),
        ({"dtype": "float32"}, "dtype='float16' there, dtype='float32' now"),
        ({"encoder": "eye"}, "encoder='efficientnet_lite0_levels' there, encoder='eye' now"),
    ],
)
def test_other_settings_are_refused(pictures, options, difference):
    pictures.add(*NAMES[:1])
    pictures.extract()
    with pytest.raises(ValueError, match=difference):
        pictures.extract(**options)
    pictures.check()


def test_features_too_large_for_float16(pictures):
    pictures.add(*NAMES)
    with pytest.raises(ValueError, match=r"`dtype` must hold the features, .*'00\.png'.*float16"):
        pictures.extract(crops=10**5)
    pictures.folder.parent.joinpath("features").rename(pictures.folder.parent / "other")
    assert pictures.extract(crops=10**5, dtype="float32").encoded == 10


def test_progress_is_shown_only_when_there_is_something_to_do(pictures, capsys):
    pictures.add(*NAMES)
    for expected in (True, False):
        pictures.extract(verbose=True)
        assert ("10/10" in capsys.readouterr().out) == expected


def test_arguments_are_checked(pictures, tmp_path):
    for paths, names, options, message in (
        ([], [], {}, "`paths` and `names` must be of one length, at least 1"),
        (["a"], ["a", "b"], {}, "1 paths, 2 names"),
        (["a/1", "b/1"], ["1", "1"], {}, "`names` must be distinct. Received: '1' twice"),
        (["a"], ["a"], {"weights": None}, "`weights` must be 'pretrained' or a path"),
        (["a"], ["a"], {"dtype": "int8"}, "`dtype` must be 'float16' or 'float32'"),
        (["a"], ["a"], {"batch_size": 0}, "`batch_size` must be a positive int"),
    ):
        with pytest.raises(ValueError, match=message):
            extract_features(paths, names, tmp_path / "features", **options)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.h5"):
        extract_features(["a"], ["a"], tmp_path / "features", weights="nowhere.h5")
    assert not (tmp_path / "features").exists()


@pytest.mark.slow
@pytest.mark.parametrize("crops", [1, 10])
def test_as_the_encoder_itself(tmp_path, crops):
    """A real network, with weights from a file."""
    network = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    weights = tmp_path / "network.weights.h5"
    network.save_weights(weights)
    options = {"weights": str(weights), "size": 32, "crops": crops}
    pixels = np.random.default_rng(0).integers(0, 256, (5, 40, 50, 3), np.uint8)
    files = [tf.io.encode_png(picture).numpy() for picture in pixels]
    names = [f"{number}.png" for number in range(5)]
    for name, file in zip(names, files):
        (tmp_path / name).write_bytes(file)
    paths = [str(tmp_path / name) for name in names]
    name = "keras.applications/MobileNetV2"
    output = tmp_path / "features"
    extract_features(paths, names, output, name, **options, dtype="float32", verbose=False)
    expected = image_encoder(name, **options)(tf.constant(files))
    np.testing.assert_allclose(np.load(output / "features.npy"), expected, rtol=1e-4, atol=1e-5)
    digest = json.loads((output / "settings.json").read_text())["weights"]
    assert len(digest) == 64
