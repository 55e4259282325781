"""Runs command lines as a user does: in processes of their own, whose words are kept."""

import json
import os
import pathlib
import re
import subprocess
import sys
from typing import NamedTuple

INTERRUPTED = "Interrupted; run the same command again to go on.\n"


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


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


def environment(folder):
    import tb_keras

    package = pathlib.Path(tb_keras.__file__).parents[1]
    return {**os.environ, "TB_KERAS_CACHE": str(folder / "cache"), "PYTHONPATH": str(package)}


def without_start_up(err):
    """Standard error without what TensorFlow says when it is imported, whatever it is told."""
    start_up = r"^(WARNING: All log messages before|I0000 ).*\n"
    return re.sub(start_up, "", err, flags=re.MULTILINE)


# Runs commands one after the other in children of one process that has TensorFlow imported.
FORKING = """
import json, os, sys, traceback
import tb_keras, tb_keras.datasets, tb_keras.encoders, tb_keras.training, tb_keras.serving
from tb_keras.scripts import entry_points

for number, (script, *arguments) in enumerate(json.load(sys.stdin)):
    child = os.fork()
    if child == 0:
        for stream, name in ((1, "out"), (2, "err")):
            file = os.open(f"{number}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, stream)
        sys.argv = [f"tb-{script}", *arguments]
        code = 2
        try:
            getattr(entry_points, script)()
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # at once: a child that ends as usual takes a second for it
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def run_forked(folder, commands, prepared=""):
    """Runs commands `[script, *arguments]` in order, without an import of TensorFlow for each.

    `prepared` is Python code that goes before all of them.
    """
    done = subprocess.run(
        [sys.executable, "-c", prepared + FORKING],
        input=json.dumps(commands),
        text=True,
        check=True,
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return [
        Ended(int(code), *((folder / f"{number}.{name}").read_text() for name in ("out", "err")))
        for number, code in enumerate(done.stdout.split())
    ]
