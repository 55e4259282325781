"""Measures one part: `python -m benchmarks.peers.one_part MODULE FILE FIGURES REPETITIONS SIZES`.

MODULE is that of the part, FILE where its figures will be kept (what it has so far stands beside
it), FIGURES where this process leaves them, and SIZES is FULL or SMALL. Imports nothing but the
part, so that a part is measured in a process that holds nothing else.
"""

from __future__ import annotations

import importlib
import json
import signal
import sys
from pathlib import Path


def main(module: str, file: str, figures: str, repetitions: str, sizes: str) -> None:
    part = importlib.import_module(module)
    measured = part.measure(Path(file), int(repetitions), **getattr(part, sizes))
    Path(figures).write_text(json.dumps(measured, indent=1, default=float) + "\n")


if __name__ == "__main__":
    # Told to end, it ends as by an error: what a part holds for the time being is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    main(*sys.argv[1:])
