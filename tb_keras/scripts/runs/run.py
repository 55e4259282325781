"""The directory of a training run: settings, and networks of each kind for each seed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras

from tb_keras.networks import TwoBranchNetwork
from tb_keras.scripts.runs.data_digest import data_changes
from tb_keras.storage.atomic_file import written_beside
from tb_keras.training.recipes.recipe import NETWORKS, Recipe

_FORMAT = 1  # of a run's files; raised when they can no longer be read as before


class Run:
    """A run directory: `settings.json`, and `NETWORK/seed-N/` with `network.keras`, `result.json`.

    All networks of a run share their data; each kind (embedding, similarity) has a recipe.

    Args:
        directory: the run's directory; it need not exist.
    """

    def __init__(self, directory: str | os.PathLike):
        self.directory = Path(directory)

    @property
    def name(self) -> str:
        """The directory's own name, even if it was given as `.`."""
        return self.directory.resolve().name

    @property
    def settings(self) -> dict:
        """What the run was trained with: the data settings, and under "recipes" each network's.

        Raises:
            FileNotFoundError: if there is no run.
            ValueError: if another version of the package made it.
        """
        try:
            settings = json.loads((self.directory / "settings.json").read_text())
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{str(self.directory)!r} must be a run of tb-train; it has no settings.json"
            ) from None
        if settings.pop("format", None) != _FORMAT:
            raise ValueError(
                f"{str(self.directory)!r} was made by another version of tb_keras: train it again"
            )
        return settings

    def start(self, data: dict, recipe: dict) -> None:
        """Writes the settings, or checks that the run's networks were trained with the same ones.

        Args:
            data: the settings that all networks of the run share. Under "trained_on" they may have
                the `data_digest` of each split that training uses.
            recipe: the settings of one kind of network, which it names as "network".

        Raises:
            ValueError: if they were trained with other settings or on other data, which the
                message names, or by another version of the package.
        """
        file = self.directory / "settings.json"
        before = self.settings if file.exists() else {"recipes": {}}
        trained = {
            network: {**Recipe(network).settings(), **kept}  # settings may be newer than the run
            for network, kept in before["recipes"].items()
            if self._is_trained(network)
        }
        ours = json.loads(json.dumps({**data, "recipes": {recipe["network"]: recipe}}))
        if trained:
            theirs = _flat(json.loads(json.dumps({**before, "recipes": trained})))
            bound = ours if recipe["network"] in trained else {**ours, "recipes": {}}
            # The data themselves are compared below.
            free = ("trained_on", "unreadable")
            bound = {name: value for name, value in bound.items() if name not in free}
            changed = [
                f"{key.removeprefix('recipes.')} was {theirs.get(key)!r}, is {value!r}"
                for key, value in sorted(_flat(bound).items())
                if theirs.get(key) != value
            ]
            if changed:
                raise ValueError(
                    f"{str(self.directory)!r} was trained with other settings "
                    f"({'; '.join(changed)}): name another run, or delete this one"
                )
            changed = data_changes(before.get("trained_on", {}), ours.get("trained_on", {}))
            if changed:
                raise ValueError(
                    f"{str(self.directory)!r} was trained on other data ({'; '.join(changed)}): "
                    f"name another run; --init_from={self.directory} begins it with this network"
                )
        ours["recipes"] = {**before["recipes"], **ours["recipes"]}
        with written_beside(file) as beside:
            beside.write_text(json.dumps({"format": _FORMAT, **ours}, indent=2) + "\n")

    def seed_directory(self, network: str, seed: int) -> Path:
        """Returns the directory of the network of one kind and seed."""
        return self.directory / network / f"seed-{seed}"

    def networks(self) -> list[str]:
        """Returns the kinds of network whose training has finished, the embedding network first.

        Raises:
            FileNotFoundError: if no training has finished.
        """
        found = [n for n in NETWORKS if any(self.directory.glob(f"{n}/seed-*/result.json"))]
        if not found:
            raise FileNotFoundError(f"{str(self.directory)!r} has no finished training (tb-train)")
        return found

    def results(self, network: str) -> list[dict]:
        """Returns `monitor`, its `figure`, `seed` and `seconds` of each training, by seed.

        The seconds are those since the training was last continued.
        """
        files = self.directory.glob(f"{network}/seed-*/result.json")
        return sorted((json.loads(f.read_text()) for f in files), key=lambda r: r["seed"])

    def best_seed(self, network: str) -> int:
        """Returns the seed with the best figure on the validation split."""
        return max(self.results(network), key=lambda result: result["figure"])["seed"]

    def network(self, network: str, seed: int) -> TwoBranchNetwork:
        """Loads the network of one kind and seed."""
        return keras.saving.load_model(self.seed_directory(network, seed) / "network.keras")

    def _is_trained(self, network: str) -> bool:
        return any(self.directory.glob(f"{network}/seed-*/network.keras"))


def _flat(settings: dict, prefix: str = "") -> dict:
    flat = {}
    for key, value in settings.items():
        flat.update(_flat(value, f"{key}.") if isinstance(value, dict) else {prefix + key: value})
    return flat
