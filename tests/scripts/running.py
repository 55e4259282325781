"""Runs command lines as a user does: in processes of their own, whose words are kept."""

import re
import subprocess
import sys

from tests import forks
from tests.forks import Ended, environment

INTERRUPTED = "Interrupted; run the same command again to go on.\n"


# Goes before a script: a convolution stands in for each image network.
SMALL_IMAGE_ENCODERS = """
from tb_keras.encoders.image import image_backbone
from tests.serving.small_models import image_encoder

image_backbone._single = lambda name, weights, size: image_encoder(name, size=size or 48)
"""

# What pip writes to bin/tb-NAME, but that a signal which the tests' shell ignores is not.
CONSOLE_SCRIPT = """
import signal, sys
sys.argv[0] = "tb-{script}"
signal.signal(signal.SIGINT, signal.default_int_handler)
from tb_keras.scripts.entry_points import {script}
sys.exit({script}())
"""


def command_line(script, *arguments):
    """The command that runs a script as a process of its own."""
    return [sys.executable, "-c", CONSOLE_SCRIPT.format(script=script), *arguments]


def run_script(folder, script, *arguments):
    """Runs a script as a process of its own."""
    command = command_line(script, *arguments)
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True)
    return Ended(done.returncode, done.stdout.decode(), without_start_up(done.stderr.decode()))


def without_start_up(err):
    """Standard error without what TensorFlow says when it is imported, whatever it is told."""
    start_up = r"^(WARNING: All log messages before|I0000 ).*\n"
    return re.sub(start_up, "", err, flags=re.MULTILINE)


def run_forked(folder, commands, prepared=""):
    """Runs commands `[script, *arguments]` in order, without an import of TensorFlow for each.

    `prepared` is Python code that goes before all of them.
    """
    return forks.run_forked(folder, [(folder, "script", *words) for words in commands], prepared)


def check(ended, code, expected):
    """The code; and in standard output the expected, or in the one line of standard error."""
    assert ended.code == code, ended
    if code == 0:
        assert expected in ended.out
        assert ended.err == ""
    else:
        (line,) = ended.err.splitlines()
        assert re.match(r"tb-\w+: ", line)
        assert re.search(expected, line), line


def answers(out):
    """Of each query the answers, from what a search printed."""
    found = {}
    for block in re.split(r"\n{2,}", out.strip()):
        query, *lines = block.splitlines()
        matched = [re.fullmatch(r"  (\d+)\. +(-?\d\.\d{3})  (.+)", line) for line in lines]
        if matched and all(matched):
            assert [int(m[1]) for m in matched] == list(range(1, len(matched) + 1))
            scores = [float(m[2]) for m in matched]
            assert scores == sorted(scores, reverse=True)
            found[query.split("\n")[-1]] = [m[3] for m in matched]
    return found


def printed_boxes(out):
    """Of each phrase what tb-localize printed: [(score, [left, top, right, bottom])]."""
    found = {}
    for block in out.strip().split("\n\n")[:-1]:
        phrase, *lines = block.splitlines()
        matched = [re.fullmatch(r"  (\d+)\. +(-?\d+\.\d{3})  \[(.*)\]", line) for line in lines]
        assert [int(m[1]) for m in matched] == list(range(1, len(lines) + 1))
        found[phrase] = [(float(m[2]), [int(c) for c in m[3].split(", ")]) for m in matched]
    return found
