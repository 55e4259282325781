"""Runs command lines as a user does: in processes of their own, whose words are kept."""

import re
import subprocess
import sys

from tests import forks
from tests.forks import Ended, environment

INTERRUPTED = "Interrupted; run the same command again to go on.\n"


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
