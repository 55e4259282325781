"""The directory of a training run: settings, and one network for each seed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras

from tb_keras.networks import EmbeddingNetwork


class Run:
    """A run directory: `settings.json`, `seed-N/network.keras`, `seed-N/result.json`.

    Args:
        directory: the run's directory; it need not exist.
    """

    def __init__(self, directory: str | os.PathLike):
        self.directory = Path(directory)

    @property
    def name(self) -> str:
        """The directory's own name, also where it was given as `.`."""
        return self.directory.resolve().name

    @property
    def settings(self) -> dict:
        """What the run was trained with.

        Raises:
            FileNotFoundError: if there is no run.
        """
        try:
            return json.loads((self.directory / "settings.json").read_text())
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{str(self.directory)!r} must be a run of tb-train; it has no settings.json"
            ) from None

    def start(self, settings: dict) -> None:
        """Writes the settings, or checks that the networks there were trained with the same ones.

        Raises:
            ValueError: if they were trained with others; the message names them.
        """
        file = self.directory / "settings.json"
        if file.exists() and any(self.directory.glob("seed-*/network.keras")):
            theirs = _flat(self.settings)
            ours = _flat(json.loads(json.dumps(settings)))
            changed = [
                f"{key} was {theirs.get(key)!r}, is {ours.get(key)!r}"
                for key in sorted(theirs.keys() | ours.keys())
                if theirs.get(key) != ours.get(key)
            ]
            if changed:
                raise ValueError(
                    f"{str(self.directory)!r} was trained with other settings "
                    f"({'; '.join(changed)}): name another run, or delete this one"
                )
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        beside = self.directory / ".settings.json"
        beside.write_text(json.dumps(settings, indent=2) + "\n")
        os.replace(beside, file)

    def seed_directory(self, seed: int) -> Path:
        """Returns where the network of one seed is kept."""
        return self.directory / f"seed-{seed}"

    def results(self) -> list[dict]:
        """Returns `val_rsum`, `seed` and `seconds` of each finished training, by seed.

        A training that was continued counts its seconds from there.

        Raises:
            FileNotFoundError: if no training has finished.
        """
        files = self.directory.glob("seed-*/result.json")
        results = sorted((json.loads(f.read_text()) for f in files), key=lambda r: r["seed"])
        if not results:
            raise FileNotFoundError(f"{str(self.directory)!r} has no finished training (tb-train)")
        return results

    def best_seed(self) -> int:
        """Returns the seed with the best `val_rsum`."""
        return max(self.results(), key=lambda result: result["val_rsum"])["seed"]

    def network(self, seed: int) -> EmbeddingNetwork:
        """Loads the network of one seed."""
        return keras.saving.load_model(self.seed_directory(seed) / "network.keras")


def _flat(settings: dict, prefix: str = "") -> dict:
    flat = {}
    for key, value in settings.items():
        flat.update(_flat(value, f"{key}.") if isinstance(value, dict) else {prefix + key: value})
    return flat
