"""Tests of how scripts end: what an interruption becomes, and what an error."""

import re
import subprocess
import sys

import pytest

from tests.scripts.running import environment, without_start_up

# Each way in a child, so that TensorFlow is imported once.
WAYS = """
import os, signal, sys, time
import tensorflow
from tb_keras.scripts.run_main import run_main

def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(30)

def turned_into_an_error():
    try:
        interrupted()
    except KeyboardInterrupt as error:
        raise SystemError("returned a result with an exception set") from error

class Collected:
    def __del__(self):  # what is raised here is lost
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

def collected():
    Collected()
    time.sleep(30)

def swallowed():
    try:
        interrupted()
    except KeyboardInterrupt:
        pass
    time.sleep(30)

def swallowed_at_the_end():
    try:
        interrupted()
    except KeyboardInterrupt:
        pass

class Broken:
    def __del__(self):
        raise ValueError("broken as it was collected")

def broken():
    Broken()

def wrong_input():
    raise ValueError("`k` must be positive")

def defect():
    raise RuntimeError("a defect")

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
interrupted_ways = interrupted, turned_into_an_error, collected, swallowed, swallowed_at_the_end
for way in (*interrupted_ways, broken, wrong_input, defect):
    print(f"way {way.__name__}", file=sys.stderr, flush=True)
    child = os.fork()
    if child == 0:
        sys.argv = ["tb-try"]
        run_main("tb-try", lambda arguments: way())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
INTERRUPTED = "\ntb-try: interrupted; the same command goes on from here\n"


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ways")
    done = subprocess.run(
        [sys.executable, "-c", WAYS],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
    )
    _, *said = re.split(r"^way (\w+)\n", without_start_up(done.stderr), flags=re.MULTILINE)
    return dict(zip(said[::2], zip(map(int, done.stdout.split()), said[1::2])))


@pytest.mark.parametrize("way", ["interrupted", "turned_into_an_error", "collected", "swallowed"])
def test_an_interruption_is_one_whatever_becomes_of_it(ended, way):
    assert ended[way] == (130, INTERRUPTED)


def test_an_interruption_that_is_lost_at_the_end_leaves_the_end_as_it_is(ended):
    assert ended["swallowed_at_the_end"] == (0, "")


def test_what_else_is_lost_in_the_garbage_collector_is_told(ended):
    code, said = ended["broken"]
    assert code == 0
    assert said.endswith("ValueError: broken as it was collected\n")


def test_wrong_input_is_told_in_a_line(ended):
    assert ended["wrong_input"] == (1, "tb-try: `k` must be positive\n")


def test_a_defect_shows_where_it_is(ended):
    code, said = ended["defect"]
    assert code == 1
    assert "Traceback" in said
    assert said.endswith("RuntimeError: a defect\n")
