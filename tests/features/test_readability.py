"""Tests of which pictures cannot be read, and of a corpus without them."""

import io

import numpy as np
import pytest
import tensorflow as tf

from tb_keras import Corpus, Matches
from tb_keras.corpus.grounding import Grounding
from tb_keras.features import readability, unreadable_pictures, without_pictures

PNG = tf.io.encode_png(tf.zeros((5, 6, 3), tf.uint8)).numpy()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    contents = {"a.png": PNG, "cut.png": PNG[:-20], "text.jpg": b"text", "empty.gif": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.png").mkdir()
    return tmp_path


def test_reasons_in_order(folder):
    names = ["text.jpg", "a.png", "none.png", "cut.png", "a.png", "empty.gif", "folder.png"]
    paths = [str(folder / name) for name in names]
    reasons = unreadable_pictures(paths)
    assert list(reasons) == [path for path in dict.fromkeys(paths) if not path.endswith("a.png")]
    said = [reasons[str(folder / n)] for n in ("text.jpg", "none.png", "cut.png", "empty.gif")]
    starts = ("Unknown image file format", "No such file", "Invalid PNG data", "Input is empty")
    assert all(reason.startswith(start) for reason, start in zip(said, starts, strict=True)), said
    assert unreadable_pictures([]) == {}


def test_files_are_decoded_once(folder, monkeypatch):
    asked = []
    decoded = readability.decoded_pictures
    monkeypatch.setattr(
        readability, "decoded_pictures", lambda paths, *a: asked.extend(paths) or decoded(paths, *a)
    )
    paths = [str(folder / name) for name in ("a.png", "cut.png")]
    first = unreadable_pictures(paths)
    assert asked == [*paths, paths[1]]  # the second time for the reason
    asked.clear()
    assert unreadable_pictures(paths) == first
    assert asked == paths[1:]
    (folder / "cut.png").write_bytes(PNG)
    assert unreadable_pictures(paths) == {}


def test_a_corpus_of_pictures():
    corpus = Corpus(
        Matches([(0, 0), (0, 1), (1, 1), (2, 2)], 3, 4),
        image_paths=["a.png", "b.png", "c.png"],
        texts=["of a", "of a and b", "of c", "of none"],
    )
    kept = without_pictures(corpus, ["a.png", "c.png"])
    assert (kept.image_paths, kept.texts) == (["b.png"], ["of a and b", "of none"])
    assert kept.matches.pairs.tolist() == [[0, 0]]


def test_a_corpus_of_regions():
    grounding = Grounding(
        ["a.png", "b.png", "c.png"],
        np.full((3, 2), 9),
        region_pictures=[0, 1, 2, 2],
        region_boxes=np.arange(16).reshape(4, 4),
        phrase_pictures=[0, 2],
        phrase_boxes=np.arange(8).reshape(2, 4),
    )
    matches = Matches([(0, 0), (3, 1)], 4, 2)
    corpus = Corpus(matches, texts=["in a", "in c"], grounding=grounding)
    kept = without_pictures(corpus, {"a.png"})
    assert kept.texts == ["in c"]
    assert kept.matches.pairs.tolist() == [[2, 0]]
    assert kept.grounding.picture_paths == ["b.png", "c.png"]
    assert kept.grounding.region_pictures.tolist() == [0, 1, 1]
    assert kept.grounding.phrase_pictures.tolist() == [1]
    assert kept.grounding.region_boxes.tolist() == grounding.region_boxes[1:].tolist()


def test_other_formats_are_read_and_crashing_ones_too(folder):
    """An animated WebP would end the process in TensorFlow's decoder."""
    image = pytest.importorskip("PIL.Image")
    frames = [image.new("RGB", (20, 10), color) for color in ("red", "blue")]
    paths = []
    for kind, settings in (("WEBP", {}), ("WEBP", {"save_all": True}), ("TIFF", {})):
        stream = io.BytesIO()
        more = {"append_images": frames[1:]} if settings else {}
        frames[0].save(stream, kind, **settings, **more)
        paths.append(folder / f"{len(paths)}.jpg")
        paths[-1].write_bytes(stream.getvalue())
    assert unreadable_pictures(list(map(str, paths))) == {}
