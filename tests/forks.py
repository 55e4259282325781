"""Runs programs and scripts, each in a child of one process that has TensorFlow imported."""

import atexit
import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

FORKING = """
import contextlib, gc, importlib, io, json, os, runpy, sys, traceback
import tb_keras, tb_keras.datasets, tb_keras.features, tb_keras.training, tb_keras.serving
from absl import flags
from tb_keras.scripts import entry_points

for optional in ("keras_hub", "sklearn", "cv2"):
    with contextlib.suppress(ImportError):
        importlib.import_module(optional)


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


gc.freeze()
gc.set_threshold(100_000, 50, 20)
for line in sys.stdin:
    cache, prepared, output, folder, kind, *arguments = json.loads(line)
    child = os.fork()
    if child == 0:
        for stream, name in ((1, "out"), (2, "err")):
            file = os.open(f"{output}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(folder)
        os.environ["TB_KERAS_CACHE"] = cache
        code = 0
        try:
            exec(prepared, {})
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


@functools.cache
def forking_process():
    """One for all tests of this process."""
    process = subprocess.Popen(
        [sys.executable, "-c", FORKING],
        text=True,
        env=environment(ROOT),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    atexit.register(process.communicate)
    return process


def run_forked(folder, tasks, prepared=""):
    """Runs tasks `(folder, "program" | "script" | "flags", *arguments)` in order.

    A program is a file, a script a name and its arguments; of flags, command lines of a script are
    parsed and what is wrong with each is printed as JSON. `prepared` is Python code that goes
    before each of them.
    """
    process, cache, ended = forking_process(), environment(folder)["TB_KERAS_CACHE"], []
    for number, (where, *rest) in enumerate(tasks):
        output = str(Path(folder) / str(number))
        print(json.dumps([cache, prepared, output, str(where), *rest]), file=process.stdin)
        process.stdin.flush()
        code = int(process.stdout.readline())
        ended.append(
            Ended(code, *(Path(f"{output}.{name}").read_text() for name in ("out", "err")))
        )
    return ended
