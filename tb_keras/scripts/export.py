"""Exports the best network of a run with its encoders, as a SavedModel for TensorFlow Serving.

    tb-export --run=runs/openmoji

The model takes raw picture bytes and raw strings, and needs nothing of this package. It is written
to DIRECTORY/VERSION/, with the next free version number. A network that the latest version already
holds is not exported again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from absl import flags

from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.scripts.model_card import model_card
from tb_keras.scripts.run_main import run_main
from tb_keras.serving import export, latest_version
from tb_keras.training.run import Run

_RUN = flags.DEFINE_string("run", None, "Directory of the run that tb-train made.", required=True)
_DIRECTORY = flags.DEFINE_string(
    "directory", None, "The model's directory; by default savedmodels/ and the run's name."
)


def main(arguments: list[str]) -> None:
    if arguments:
        raise ValueError(f"tb-export takes flags only. Received: {' '.join(arguments)}")
    run = Run(_RUN.value)
    directory = Path(_DIRECTORY.value or Path("savedmodels") / run.name)
    settings, seed = run.settings, run.best_seed()
    digest = hashlib.sha256((run.seed_directory(seed) / "network.keras").read_bytes()).hexdigest()
    latest = directory / str(latest_version(directory))
    card = latest / "README.md"
    if card.exists() and digest in card.read_text(encoding="utf-8"):
        print(f"{latest} holds this network already")
        return
    print(f"Exporting seed {seed}, the best on the validation split (about half a minute) ...")
    version = export(
        run.network(seed),
        directory,
        image_encoder(settings["image_encoder"]),
        text_encoder(settings["text_encoder"]),
        card=model_card(run, seed, digest),
    )
    print(f"Wrote {version}")


if __name__ == "__main__":
    run_main("tb-export", main)
