"""Tests of what an exported model answers to bad and odd input: refused by position, or defined."""

import io
import os
import re
import struct
import subprocess
import sys
import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.encoders.regions import region_encoder as region_encoder_module
from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.search import Searchable
from tb_keras.serving import export
from tests.serving.small_models import image_encoder, network

MODELS = ("embedding", "similarity", "features", "regions")
IMAGE_DIM, TEXT_DIM, DIM, FOUND = 7, 4, 16, 12
AT = (17, 19)  # where bad rows stand: in one block of pictures or texts, not the first
INPUTS = {
    "score_embeddings": ("image_embedding", "text_embedding"),
    "embed_image_features": ("features",),
    "embed_text_features": ("features",),
    "embed_text": ("text",),
}
PICTURES = {
    **INPUTS,
    "embed_image": ("image_bytes",),
    "similarity": ("image_bytes", "text"),
    "serving_default": ("image_bytes", "text"),
}
SIGNATURES = {
    "embedding": {**PICTURES, "search": ("text", "k"), "search_texts": ("image_bytes", "k")},
    "similarity": PICTURES,
    "features": {
        **{name: INPUTS[name] for name in INPUTS if name != "embed_text"},
        "similarity": ("image_features", "text_features"),
        "serving_default": ("image_features", "text_features"),
        "search": ("text_features", "k"),
        "search_texts": ("image_features", "k"),
    },
    "regions": {
        **INPUTS,
        "similarity": ("image_features", "text_features"),
        "embed_regions": ("image_bytes", "boxes"),
        "localize": ("image_bytes", "boxes", "text"),
        "serving_default": ("image_bytes", "boxes", "text"),
    },
}
ASKED = [(model, name) for model in MODELS for name in SIGNATURES[model]]
PAIRED = [(model, name) for model, name in ASKED if len(SIGNATURES[model][name]) > 1]


class Counts(keras.layers.Layer):
    """Of each string its characters, and how many of them are U+FFFD, NUL or a blank."""

    def call(self, texts):
        def count(strings):
            return tf.cast(tf.strings.length(strings, unit="UTF8_CHAR"), tf.float32)

        def others(pattern):
            return count(texts) - count(tf.strings.regex_replace(texts, pattern, ""))

        counts = [count(texts), *map(others, (r"\x{FFFD}", r"\x00", r"\s"))]
        return tf.math.log1p(tf.stack(counts, axis=1))

    def compute_output_spec(self, texts):
        return keras.KerasTensor((texts.shape[0], TEXT_DIM), "float32")


def counts_by_hand(text):
    """The same of bytes, in Python."""
    read = text.decode(errors="replace")[:10_000]
    blanks = len(re.findall(r"[\t\n\f\r ]", read))
    return np.log1p([len(read), read.count("\ufffd"), read.count("\0"), blanks])


@pytest.fixture(autouse=True)
def fixed_random_seed():
    """Sets none, in the place of the one for all tests: after it all graphs are prepared anew."""


@pytest.fixture(scope="module")
def networks():
    return {}


@pytest.fixture(scope="module")
def versions():
    return {}


@pytest.fixture(scope="module")
def models(networks, versions, tmp_path_factory):
    """Signatures of a model of each kind."""
    directory = tmp_path_factory.mktemp("models")
    files, strings = (keras.Input((), dtype="string") for _ in range(2))
    images = keras.Model(files, image_encoder("small", size=32)(DecodeImages(32, 32)(files)))
    texts = keras.Model(strings, Counts()(strings))
    rng = np.random.default_rng(3)
    searchable = Searchable(
        [f"image {i}" for i in range(FOUND)],
        rng.normal(size=(FOUND, DIM)).astype("float32"),
        [f"text {i}" for i in range(FOUND)],
        rng.normal(size=(FOUND, DIM)).astype("float32"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(region_encoder_module, "image_encoder", image_encoder)
        regions = RegionEncoder("small", size=32)
    made = {
        "embedding": (network(IMAGE_DIM, TEXT_DIM), images, texts),
        "similarity": (network(IMAGE_DIM, TEXT_DIM, "similarity"), images, texts),
        "features": (network(IMAGE_DIM, TEXT_DIM), None, None),
        "regions": (network(regions.feature_dim, TEXT_DIM), regions, texts),
    }
    found = {}
    for name, (net, *encoders) in made.items():
        networks[name] = net
        search = searchable if name in ("embedding", "features") else None
        versions[name] = export(net, directory / name, *encoders, searchable=search)
        found[name] = tf.saved_model.load(str(versions[name])).signatures
    return found


def of_mode(mode, kind, **options):
    """A picture file of one colour, of a mode of Pillow."""
    pil = pytest.importorskip("PIL.Image")
    file, color = io.BytesIO(), {"CMYK": (210, 40, 20, 10), "RGB": (200, 90, 30)}[mode]
    pil.new(mode, (40, 30), color).save(file, kind, **options)
    return file.getvalue()


def png(pixels):
    return tf.io.encode_png(tf.constant(pixels)).numpy()


def noise(*shape, dtype="uint8"):
    rng = np.random.default_rng(len(shape))
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def bomb(side):
    """A whole PNG of one bit a pixel, all of them black; a few kilobytes."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer, row = zlib.compressobj(9), bytes(1 + side // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


JPEG = tf.io.encode_jpeg(noise(40, 50, 3)).numpy()
PNG = png(noise(20, 30, 3))
NO_FORMAT = "must hold PNG, JPEG, GIF or BMP files"
DAMAGED = "must hold whole, undamaged pictures"
TOO_LARGE = "must hold pictures of at most 50 million pixels"
BAD_PICTURES = {
    "text": (lambda: b"no picture", NO_FORMAT),
    "empty": (lambda: b"", NO_FORMAT),
    "a WebP": (lambda: b"RIFF\x24\0\0\0WEBPVP8 " + bytes(30), NO_FORMAT),
    "a truncated JPEG": (lambda: JPEG[: len(JPEG) // 2], DAMAGED),
    "the start of a JPEG": (lambda: JPEG[:3], DAMAGED),
    "a truncated PNG": (lambda: PNG[: len(PNG) // 2], DAMAGED),
    "a PNG with a wrong byte": (lambda: PNG[:60] + b"\0\0\0\0" + PNG[64:], DAMAGED),
    "a truncated GIF": (lambda: of_mode("RGB", "GIF")[:-20], DAMAGED),
    "a truncated BMP": (lambda: of_mode("RGB", "BMP")[:-20], DAMAGED),
    "a bomb beyond TensorFlow's limit": (lambda: bomb(30_000), TOO_LARGE),
    "a bomb within TensorFlow's limit": (lambda: bomb(20_000), TOO_LARGE),
}
BAD_NUMBERS = {
    "NaN": (np.nan, "finite"),
    "infinity": (np.inf, "finite"),
    "minus infinity": (-np.inf, "finite"),
    "a number too large": (3e38, "small enough for float32"),
}


def rows(model, name, n):
    """Good input of n rows to a signature."""
    rng = np.random.default_rng(0)
    made = {}
    for key in SIGNATURES[model][name]:
        if key == "image_bytes":
            made[key] = np.resize(np.array([PNG, JPEG, png(noise(1, 1, 1))], object), n)
        elif key == "text":
            made[key] = np.array([b"x" * (i % 50) for i in range(n)], object)
        elif key == "k":
            made[key] = np.full(n, 3, np.int32)
        elif key == "boxes":
            made[key] = np.tile(np.array([[0, 0, 1, 1], [2, 3, 8, 9]], np.float32), (n, 1, 1))
        else:
            made[key] = rng.normal(size=(n, width(model, name, key))).astype(np.float32)
    return made


def width(model, name, key):
    if key.endswith("embedding"):
        return DIM
    of_texts = "text" in key or name == "embed_text_features"
    return TEXT_DIM if of_texts else IMAGE_DIM + 5 * (model == "regions")


def ask(models, model, name, **inputs):
    """The answers, which must all be numbers, as arrays."""
    found = models[model][name](**{key: tf.constant(value) for key, value in inputs.items()})
    found = {key: tensor.numpy() for key, tensor in found.items()}
    for array in found.values():
        assert array.dtype == object or np.isfinite(array).all()
    return found


def refused(models, model, name, message, **inputs):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        ask(models, model, name, **inputs)


def every(*kinds):
    """(model, signature, input) for all inputs of some names."""
    return [(m, s, key) for m, s in ASKED for key in SIGNATURES[m][s] if key in kinds]


def test_the_table_names_every_signature(models):
    for model in MODELS:
        found = {
            name: set(signature.structured_input_signature[1])
            for name, signature in models[model].items()
        }
        expected = {name: set(inputs) for name, inputs in SIGNATURES[model].items()}
        assert found == expected


@pytest.mark.parametrize("kind", BAD_PICTURES)
def test_bad_pictures(models, kind):
    bad, message = BAD_PICTURES[kind]
    inputs = rows("embedding", "embed_image", 40)
    inputs["image_bytes"][list(AT)] = bad()
    message = rf"`image_bytes` {message}\. Not so at positions: \[17, 19\]"
    refused(models, "embedding", "embed_image", message, **inputs)


@pytest.mark.parametrize(("model", "name", "key"), every("image_bytes"))
@pytest.mark.parametrize("kind", ["text", "a truncated JPEG"])
def test_bad_pictures_in_every_signature(models, model, name, key, kind):
    bad, message = BAD_PICTURES[kind]
    inputs = rows(model, name, 40)
    inputs[key][list(AT)] = bad()
    # Pictures with regions are worked through one by one.
    positions = "17" if model == "regions" else "17, 19"
    message = rf"`image_bytes` {message}\. Not so at positions: \[{positions}\]"
    refused(models, model, name, message, **inputs)


# How much more memory each of some files takes at its peak, in a process that holds little else.
MEASURE = """
import pathlib, re, sys

import tensorflow as tf

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])

embed = tf.saved_model.load(sys.argv[1]).signatures["embed_image"]
for name in sys.argv[2:]:
    file = tf.constant([pathlib.Path(name).read_bytes()])
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is held
    before = peak()
    try:
        answer = embed(file)["embedding"].shape[0]
    except tf.errors.InvalidArgumentError:
        answer = 0
    print(answer, 1024 * (peak() - before))
"""


def test_a_bomb_takes_no_memory(models, versions, tmp_path):
    """A picture that is decoded takes its size; the bombs would take 400 and 900 MB."""
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("the peak of memory cannot be reset here")
    files = [PNG, bomb(6_000), bomb(20_000), bomb(30_000)]
    for number, content in enumerate(files):
        (tmp_path / f"{number}").write_bytes(content)
    command = [sys.executable, "-c", MEASURE, str(versions["embedding"]), *"0123"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    _, whole, *bombs = (tuple(map(int, line.split())) for line in done.stdout.splitlines())
    assert whole[0] == 1
    assert whole[1] > 30e6
    for answers, growth in bombs:
        assert answers == 0
        assert growth < 20e6


NUMBERS = ("features", "image_features", "text_features", "image_embedding", "text_embedding")


@pytest.mark.parametrize(("model", "name", "key"), every(*NUMBERS, "boxes"))
@pytest.mark.parametrize("kind", BAD_NUMBERS)
def test_bad_numbers(models, model, name, key, kind):
    bad, message = BAD_NUMBERS[kind]
    at = list(AT) if key == "boxes" else [17, 4500]  # beyond the first block of vectors
    inputs = rows(model, name, 40 if key == "boxes" else 5000)
    if name == "score_embeddings":
        inputs = {other: np.full_like(value, 2) for other, value in inputs.items()}
    inputs[key][at, ..., 2:] = bad
    # Of a pair either may be to blame for a score.
    both = r"(`\w+`, )?" if name in ("similarity", "serving_default", "score_embeddings") else ""
    other = r"(, `\w+`)?" if both else ""
    positions = "17" if key == "boxes" and message == "finite" else f"{at[0]}, {at[1]}"
    message = {"finite": "(be finite|hold finite numbers)"}.get(message, f"be {message}")
    message = rf"{both}`{key}`{other} must {message}\. Not so at positions: \[{positions}\]"
    refused(models, model, name, message, **inputs)


@pytest.mark.parametrize(("model", "name", "key"), every("k"))
@pytest.mark.parametrize(
    ("bad", "limit"),
    [(0, "at least 1"), (-(2**31), "at least 1"), (1001, "at most 1000"), (2**31 - 1, "at most")],
)
def test_bad_k(models, model, name, key, bad, limit):
    inputs = rows(model, name, 40)
    inputs[key][list(AT)] = bad
    message = rf"`k` must be {limit}.*\. Not so at positions: \[17, 19\]"
    refused(models, model, name, message, **inputs)


@pytest.mark.parametrize(("model", "name", "key"), every("k"))
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


@pytest.mark.parametrize(("model", "name"), PAIRED)
def test_unequal_numbers(models, model, name):
    """One of the inputs has a row less, or just one, which would fit by broadcasting."""
    for key in SIGNATURES[model][name]:
        for left in (1, 2):
            inputs = rows(model, name, 3)
            inputs[key] = inputs[key][:left]
            sizes = " ".join(str(len(value)) for value in inputs.values())
            names = ", ".join(f"`{other}`" for other in inputs)
            message = rf"{names} must be equally many\. Received:\]? \[{sizes}\]"
            refused(models, model, name, message, **inputs)


def message(nodes, check):
    """The node of what an assertion says, as bytes."""
    return nodes[check.input[1].split(":")[0]].SerializeToString()


def ancestors(nodes, node):
    """The names of all nodes that a node of a function waits for, and its own."""
    found, waiting = set(), [node.name]
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in found:
            found.add(name)
            waiting += [given.lstrip("^").split(":")[0] for given in nodes[name].input]
    return found


@pytest.mark.parametrize(("model", "name"), PAIRED)
def test_nothing_is_computed_beside_the_check_of_equal_numbers(models, model, name):
    """What does not wait for it may fail before it, rarely, with a message of TensorFlow's own."""
    functions = models[model][name].graph.as_graph_def().library.function
    (nodes,) = (
        {node.name: node for node in function.node_def}
        for function in functions
        if function.signature.name.startswith("__inference_checked_")
    )
    (check,) = (
        node.name
        for node in nodes.values()
        if node.op == "Assert" and b"equally many. Received:" in message(nodes, node)
    )
    loops = [node for node in nodes.values() if node.op in ("While", "StatelessWhile")]
    assert loops
    assert all(check in ancestors(nodes, loop) for loop in loops)


@pytest.mark.parametrize(("model", "name"), ASKED)
def test_an_empty_batch(models, model, name):
    found = ask(models, model, name, **rows(model, name, 0))
    regions = (2,) if model == "regions" and "image_bytes" in SIGNATURES[model][name] else ()
    if name.startswith("search"):
        assert {key: array.shape for key, array in found.items()} == {"id": (0, 0), "score": (0, 0)}
    elif name.startswith("embed"):
        assert found["embedding"].shape == (0, *regions, DIM)
    else:
        assert found["score"].shape == (0, *regions)


@pytest.mark.parametrize(("model", "name"), ASKED)
def test_wrong_shapes(models, model, name):
    """TensorFlow does not hold a request against the signature's shape, nor does a server."""
    for key, good in rows(model, name, 2).items():
        wrong = [good[..., None], np.resize(good, good.shape[1:] or ())]
        wrong += [good[..., :1]] * (good.ndim > 1)  # would fit by broadcasting
        for bad in wrong:
            sizes = re.escape(" ".join(map(str, bad.shape)))
            message = rf"`{key}` must have shape \((any|\d|,| )+\)\. Received:\] \[{sizes}\]"
            refused(models, model, name, message, **{**rows(model, name, 2), key: bad})


@pytest.mark.parametrize(("model", "name"), ASKED)
def test_wrong_types(models, model, name):
    for key, good in rows(model, name, 2).items():
        dtype, word = {"O": ("float32", "string"), "f": ("float64", "float")}.get(
            good.dtype.kind, ("int64", "int32")
        )
        bad = np.ones(good.shape, dtype)
        message = f"expected to be a {word} tensor but is a (float|double|int64) tensor"
        refused(models, model, name, message, **{**rows(model, name, 2), key: bad})


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
    """Of no area, beside the picture, with exchanged corners, and none at all."""
    inputs = rows("regions", "localize", 1)
    inputs["boxes"] = np.array([[[3, 3, 3, 3], [900, 900, 950, 990], [9, 8, 2, 1]]], np.float32)
    assert ask(models, "regions", "localize", **inputs)["score"].shape == (1, 3)
    inputs["boxes"] = inputs["boxes"][:, :0]
    assert ask(models, "regions", "localize", **inputs)["score"].shape == (1, 0)


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


@pytest.mark.parametrize("model", ["embedding", "similarity"])
def test_odd_texts_have_an_answer(models, networks, model):
    """Each is what Python reads with errors="replace", of it the first 10,000 characters."""
    strings = np.array(list(TEXTS.values()), object)
    features = np.stack([counts_by_hand(text) for text in strings]).astype("float32")
    expected = networks[model].embed_texts(features)
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
    """Each is the same as a plain PNG, which another library, or NumPy, makes of it."""
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


@pytest.mark.parametrize(
    ("model", "name"),
    [a for a in ASKED if a[0] in ("embedding", "features") and a[1] != "serving_default"],
)
def test_a_batch_of_10_000(models, model, name):
    """Its rows answer as they do in a small one."""
    inputs = rows(model, name, 10_000)
    if "image_bytes" in inputs:  # small ones, for the time it takes
        files = np.array([png(noise(2, 2, 3)), png(noise(1, 1, 1))], object)
        inputs["image_bytes"] = np.resize(files, 10_000)
    found = ask(models, model, name, **inputs)
    some = [0, 1, 15, 16, 63, 64, 4095, 4096, 9999]
    few = ask(models, model, name, **{key: value[some] for key, value in inputs.items()})
    for key, array in found.items():
        assert len(array) == 10_000
        if array.dtype == object:
            np.testing.assert_array_equal(array[some], few[key])
        else:
            np.testing.assert_allclose(array[some], few[key], atol=1e-5)
            assert np.ptp(array[some], axis=0).max() > 1e-3
