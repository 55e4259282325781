"""The console scripts, `tb-train` and so on; each runs a module of absl flags and a `main`."""

from __future__ import annotations

import runpy
from functools import partial


def _run(script: str) -> None:
    # As __main__, so that absl finds the script's own flags and docstring for --help.
    runpy.run_module(f"tb_keras.scripts.{script}", run_name="__main__", alter_sys=True)


cache = partial(_run, "cache")
train = partial(_run, "train")
embed = partial(_run, "embed")
evaluate = partial(_run, "evaluate")
export = partial(_run, "export")
extract = partial(_run, "extract")
index = partial(_run, "index")
localize = partial(_run, "localize")
promote = partial(_run, "promote")
search = partial(_run, "search")
serve = partial(_run, "serve")
