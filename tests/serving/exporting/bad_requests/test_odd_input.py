"""Tests of odd input to an exported model, which has an answer that is defined."""

import io
import re

import numpy as np
import pytest

from tests.cases import slow_but
from tests.serving.exporting.bad_requests.picture_files import noise, of_mode, png
from tests.serving.exporting.bad_requests.signature_requests import (
    ASKED,
    SIGNATURES,
    ask,
    every,
    of_models,
    refused,
    rows,
)
from tests.serving.exporting.small_exports import DIM, FOUND

pytestmark = pytest.mark.xdist_group("exports")


@pytest.mark.parametrize(("model", "name", "key"), of_models(every("k")))
def test_any_k(models, model, name, key):
    """Each query gets as many answers as it asks for, at most all there are."""
    asked = np.array([1, 1000, FOUND, 5], np.int32)
    found = ask(models, model, name, **{**rows(model, name, 4), "k": asked})
    assert found["id"].shape == found["score"].shape == (4, FOUND)
    for ids, scores, k in zip(found["id"], found["score"], np.minimum(asked, FOUND)):
        assert len(set(ids[:k])) == k
        assert b"" not in ids[:k]
        assert (np.diff(scores[:k]) <= 0).all()
        assert set(ids[k:]) <= {b""}
        assert not scores[k:].any()
    assert ask(models, model, name, **rows(model, name, 4))["id"].shape == (4, 3)


@pytest.mark.parametrize(("model", "name"), of_models(ASKED))
def test_an_empty_batch(models, model, name):
    found = ask(models, model, name, **rows(model, name, 0))
    regions = (2,) if model == "regions" and "image_bytes" in SIGNATURES[model][name] else ()
    if name.startswith("search"):
        assert {key: array.shape for key, array in found.items()} == {"id": (0, 0), "score": (0, 0)}
    elif name.startswith("embed"):
        assert found["embedding"].shape == (0, *regions, DIM)
    else:
        assert found["score"].shape == (0, *regions)


def test_many_boxes(models):
    for name in ("embed_regions", "localize"):
        inputs = rows("regions", name, 2)
        inputs["boxes"] = np.tile(inputs["boxes"], (1, 501, 1))[:, :1001]
        message = r"`boxes` must be at most 1000 a picture\. Received:\] \[1001\]"
        refused(models, "regions", name, message, **inputs)
        few = ask(models, "regions", name, **rows("regions", name, 2))
        inputs["boxes"] = inputs["boxes"][:, :1000]
        found = ask(models, "regions", name, **inputs)
        for key in few:
            assert found[key].shape[:2] == (2, 1000)
            for start in (0, 498, 998):  # boxes come again and again
                np.testing.assert_allclose(found[key][:, start : start + 2], few[key], atol=1e-5)


def test_odd_boxes_have_an_answer(models):
    """Boxes without area, beside the picture, with exchanged corners, and no boxes at all."""
    inputs = rows("regions", "localize", 1)
    inputs["boxes"] = np.array([[[3, 3, 3, 3], [900, 900, 950, 990], [9, 8, 2, 1]]], np.float32)
    assert ask(models, "regions", "localize", **inputs)["score"].shape == (1, 3)
    inputs["boxes"] = inputs["boxes"][:, :0]
    assert ask(models, "regions", "localize", **inputs)["score"].shape == (1, 0)


LARGE = 4_200  # rows, more than a block of any input has
TEXTS = {
    "empty": b"",
    "blanks": b" \t\n  ",
    "1 MB": b"word " * 200_000,
    "1 MB of characters of 4 bytes": "🐕".encode() * 250_000,
    "1 MB that is no text": b"\xff" * 1_000_000,
    "no UTF-8": b"caf\xe9 \xc3\x28 \xf0\x9f\x90 dog",
    "cut in a character": "犬".encode()[:2],
    "NUL": b"a\0dog\0",
    "only NUL": b"\0",
}


def counts_by_hand(text):
    """Returns the counts of `Counts`, in Python."""
    read = text.decode(errors="replace")[:10_000]
    blanks = len(re.findall(r"[\t\n\f\r ]", read))
    return np.log1p([len(read), read.count("\ufffd"), read.count("\0"), blanks])


@pytest.mark.parametrize("model", of_models(["embedding", "similarity"]))
def test_odd_texts_have_an_answer(models, small_exports, model):
    """Each is read as Python reads it with errors="replace", up to 10,000 characters."""
    strings = np.array(list(TEXTS.values()), object)
    features = np.stack([counts_by_hand(text) for text in strings]).astype("float32")
    expected = small_exports[model].network.embed_texts(features)
    assert len(np.unique(expected.round(3), axis=0)) >= len(TEXTS) - 1
    found = ask(models, model, "embed_text", text=strings)
    np.testing.assert_allclose(found["embedding"], expected, atol=1e-5)
    images = rows(model, "similarity", len(strings))["image_bytes"]
    together = ask(models, model, "similarity", image_bytes=images, text=strings)["score"]
    alone = [
        ask(models, model, "similarity", image_bytes=images[[i]], text=strings[[i]])["score"]
        for i in range(len(strings))
    ]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)


def test_odd_pictures_have_an_answer(models):
    """Each has the embedding of a plain PNG that another library, or NumPy, makes of it."""
    pil = pytest.importorskip("PIL.Image")
    frames = [pil.new("RGB", (40, 30), color) for color in ((200, 90, 30), (0, 0, 255))]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:] * 5)
    cmyk = of_mode("CMYK", "JPEG", quality=100)
    deep = noise(20, 30, 3, dtype="uint16")
    plain = pil.open(io.BytesIO(cmyk)).convert("RGB")
    pairs = {
        "an animated GIF": (file.getvalue(), png(np.asarray(frames[0]))),
        "CMYK": (cmyk, png(np.asarray(plain))),
        "16 bits": (png(deep), png((deep >> 8).astype("uint8"))),
        "transparent": (png(np.zeros((8, 8, 4), "uint8")), png(np.full((8, 8, 3), 255, "uint8"))),
    }
    of_both = [
        ask(models, "embedding", "embed_image", image_bytes=np.array(files, object))["embedding"]
        for files in zip(*pairs.values())
    ]
    np.testing.assert_allclose(*of_both, atol=0.02)  # a level of 256 more or less, by rounding
    between = np.abs(of_both[0][:, None] - of_both[0]).max(axis=-1)
    assert between[~np.eye(len(pairs), dtype=bool)].min() > 0.05


LARGE_BATCHES = [asked for asked in ASKED if asked[0] in ("embedding", "features")]


@pytest.mark.parametrize(("model", "name"), slow_but(("embedding", "search"), cases=LARGE_BATCHES))
def test_a_large_batch(models, model, name):
    """Its rows answer as they do in a small one."""
    inputs = rows(model, name, LARGE)
    if "image_bytes" in inputs:  # small ones, for the time it takes
        files = np.array([png(noise(2, 2, 3)), png(noise(1, 1, 1))], object)
        inputs["image_bytes"] = np.resize(files, LARGE)
    found = ask(models, model, name, **inputs)
    some = [0, 1, 15, 16, 63, 64, 4095, 4096, LARGE - 1]
    few = ask(models, model, name, **{key: value[some] for key, value in inputs.items()})
    for key, array in found.items():
        assert len(array) == LARGE
        if array.dtype == object:
            np.testing.assert_array_equal(array[some], few[key])
        else:
            np.testing.assert_allclose(array[some], few[key], atol=1e-5)
            assert np.ptp(array[some], axis=0).max() > 1e-3
