"""Runs programs and scripts, each in a child of one process that has TensorFlow imported."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

FORKING = """
import contextlib, importlib, io, json, os, runpy, sys, traceback
import tb_keras, tb_keras.datasets, tb_keras.features, tb_keras.training, tb_keras.serving
from absl import flags
from tb_keras.scripts import entry_points


def program(path):
    runpy.run_path(path, run_name="__main__")


def script(name, *arguments):
    sys.argv = [f"tb-{name}", *arguments]
    getattr(entry_points, name)()


def wrong_flags(module, *lines):
    with contextlib.redirect_stdout(io.StringIO()):
        importlib.import_module(f"tb_keras.scripts.{module}")
    problems = []
    for line in lines:
        flags.FLAGS.unparse_flags()
        try:
            flags.FLAGS(line)
            problems.append("")
        except flags.Error as error:
            problems.append(str(error).strip())
    print(json.dumps(problems))


for number, (folder, kind, *arguments) in enumerate(json.load(sys.stdin)):
    child = os.fork()
    if child == 0:
        for stream, name in ((1, "out"), (2, "err")):
            file = os.open(f"{number}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, stream)
        os.chdir(folder)
        code = 0
        try:
            {"program": program, "script": script, "flags": wrong_flags}[kind](*arguments)
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
            code = 2
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # at once: a child that ends as usual takes a second for it
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Ended(NamedTuple):
    """How a task ended."""

    code: int
    out: str
    err: str


def environment(folder):
    """The environment of a process that finds the package and keeps its cache in a folder."""
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "MPLBACKEND": "agg",
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "TB_KERAS_CACHE": str(Path(folder) / "cache"),
    }


def run_forked(folder, tasks, prepared=""):
    """Runs tasks `(folder, "program" | "script" | "flags", *arguments)` in order.

    A program is a file, a script a name and its arguments; of flags, command lines of a script are
    parsed and what is wrong with each is printed as JSON. `prepared` is Python code that goes
    before all of them.
    """
    done = subprocess.run(
        [sys.executable, "-c", prepared + FORKING],
        input=json.dumps([[str(where), *rest] for where, *rest in tasks]),
        text=True,
        check=True,
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return [
        Ended(int(code), *((Path(folder) / f"{n}.{name}").read_text() for name in ("out", "err")))
        for n, code in enumerate(done.stdout.split())
    ]
