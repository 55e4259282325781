"""Tests of what an exported model answers to files that are not whole pictures."""

import os
import subprocess
import sys

import pytest

from tests.serving.exporting.bad_requests.picture_files import JPEG, PNG, bomb, of_mode
from tests.serving.exporting.bad_requests.signature_requests import (
    AT,
    every,
    of_models,
    refused,
    rows,
)

pytestmark = pytest.mark.xdist_group("exports")

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


@pytest.mark.parametrize("kind", BAD_PICTURES)
def test_bad_pictures(models, kind):
    bad, message = BAD_PICTURES[kind]
    inputs = rows("embedding", "embed_image", 40)
    inputs["image_bytes"][list(AT)] = bad()
    message = rf"`image_bytes` {message}\. Not so at positions: \[17, 19\]"
    refused(models, "embedding", "embed_image", message, **inputs)


@pytest.mark.parametrize(("model", "name", "key"), of_models(every("image_bytes")))
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


@pytest.mark.slow
def test_a_bomb_takes_no_memory(small_exports, tmp_path):
    """A picture that is decoded takes its size; the bombs would take 400 and 900 MB."""
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("the peak of memory cannot be reset here")
    files = [PNG, bomb(6_000), bomb(20_000), bomb(30_000)]
    for number, content in enumerate(files):
        (tmp_path / f"{number}").write_bytes(content)
    command = [sys.executable, "-c", MEASURE, str(small_exports["embedding"].version), *"0123"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    _, whole, *bombs = (tuple(map(int, line.split())) for line in done.stdout.splitlines())
    assert whole[0] == 1
    assert whole[1] > 30e6
    for answers, growth in bombs:
        assert answers == 0
        assert growth < 20e6
