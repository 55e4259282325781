"""Figures of a long part, kept as they come, so that a run that was ended goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tb_keras.storage.atomic_file import written_beside


class KeptFigures:
    """Figures by name in a JSON file beside that of a part, until the part is `finished`.

    Args:
        file: the part's, such as `loss.json`; the figures are kept in `loss.begun.json`.
        settings: JSON-able; figures kept under others are forgotten.
    """

    def __init__(self, file: Path, settings: object):
        self.file = file.with_suffix(".begun.json")
        self.kept = {"settings": json.loads(json.dumps(settings)), "figures": {}}
        if self.file.exists():
            before = json.loads(self.file.read_text())
            if before["settings"] == self.kept["settings"]:
                self.kept = before

    def of(self, name: str, measure: Callable, *arguments):
        """Returns the figures of that name: those kept, or `measure(*arguments)`, then kept."""
        figures = self.kept["figures"]
        if name not in figures:
            figures[name] = measure(*arguments)
            with written_beside(self.file) as beside:
                beside.write_text(json.dumps(self.kept, indent=1) + "\n")
            print(f"{name}: {figures[name]}", flush=True)
        return figures[name]

    def finished(self) -> None:
        """Forgets the figures, which the part now returns."""
        self.file.unlink(missing_ok=True)
