"""The directory of a training run: settings, and networks of each kind for each seed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras

from tb_keras.networks import TwoBranchNetwork
from tb_keras.storage.atomic_file import written_beside
from tb_keras.training.recipes.recipe import NETWORKS

# Settings that earlier versions had no choice of.
_BEFORE_IT_WAS_KEPT = {
    "loss": "ranking",
    "gradient_cache_rows": 0,
    "start": "random",
    "dtype": "",
    "landmarks": 0,
    "kept_epoch": "best",
}


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
        """The directory's own name, also where it was given as `.`."""
        return self.directory.resolve().name

    @property
    def settings(self) -> dict:
        """What the run was trained with: the data settings, and under "recipes" each network's.

        Raises:
            FileNotFoundError: if there is no run.
        """
        try:
            return json.loads((self.directory / "settings.json").read_text())
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{str(self.directory)!r} must be a run of tb-train; it has no settings.json"
            ) from None

    def start(self, data: dict, recipe: dict) -> None:
        """Writes the settings, or checks that the networks there were trained with the same ones.

        Args:
            data: what all networks of the run share.
            recipe: that of one kind of network, which it names as "network".

        Raises:
            ValueError: if they were trained with others; the message names them.
        """
        file = self.directory / "settings.json"
        # An earlier version of the package wrote no recipes, and its networks elsewhere.
        before = {"recipes": {}, **(self.settings if file.exists() else {})}
        trained = {
            network: {**_BEFORE_IT_WAS_KEPT, **kept}
            for network, kept in before["recipes"].items()
            if self._is_trained(network)
        }
        ours = json.loads(json.dumps({**data, "recipes": {recipe["network"]: recipe}}))
        if trained:
            theirs = _flat({**before, "recipes": trained})
            bound = ours if recipe["network"] in trained else {**ours, "recipes": {}}
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
        ours["recipes"] = {**before["recipes"], **ours["recipes"]}
        with written_beside(file) as beside:
            beside.write_text(json.dumps(ours, indent=2) + "\n")

    def seed_directory(self, network: str, seed: int) -> Path:
        """Returns where the network of one kind and seed is kept."""
        return self.directory / network / f"seed-{seed}"

    def networks(self) -> list[str]:
        """Returns the kinds of network that were trained to the end, the embedding network first.

        Raises:
            FileNotFoundError: if no training has finished.
        """
        found = [n for n in NETWORKS if any(self.directory.glob(f"{n}/seed-*/result.json"))]
        if not found:
            raise FileNotFoundError(f"{str(self.directory)!r} has no finished training (tb-train)")
        return found

    def results(self, network: str) -> list[dict]:
        """Returns `monitor`, `figure` (its value), `seed` and `seconds` of each training, by seed.

        A training that was continued counts its seconds from there.
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
