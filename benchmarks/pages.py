"""Pages of figures, and what they say of the machine."""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks.machine import machine
from tb_keras.storage.atomic_file import written_beside


def write_page(file: Path, page: str) -> None:
    """Writes a Markdown page beside the figures in `file`, and prints it."""
    with written_beside(file.with_suffix(".md")) as beside:
        beside.write_text(page)
    print(page)


def write_figures(file: Path, figures: dict, page: str) -> None:
    """Writes figures to `file`, JSON, and their page beside it; prints the page."""
    with written_beside(file) as beside:
        beside.write_text(json.dumps(figures, indent=1) + "\n")
    write_page(file, page)


def process_memory(name: str) -> float:
    """Returns a figure of this process in MiB, such as "VmRSS" or "VmHWM". Linux only."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s*(\d+) kB", status)[1]) / 2**10


def measured_on() -> str:
    """Returns what the figures were measured on."""
    return f"{machine()}; the seconds are those of a shared machine."
