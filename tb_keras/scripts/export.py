"""Exports the best network of a run with its encoders, as a SavedModel for TensorFlow Serving.

    tb-export --run=runs/openmoji
    tb-export --run=runs/scenes --network=similarity

The model takes raw picture bytes and raw strings (and boxes, to localize), and needs nothing of
this package; where the run was trained on features of another origin, it takes such. It is written
to DIRECTORY/VERSION/, with the next free version number. A network that the latest version already
holds is not exported again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from absl import flags

from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.encoders.region_encoder import RegionEncoder
from tb_keras.scripts.model_card import model_card
from tb_keras.scripts.run_main import run_main
from tb_keras.scripts.run_text_encoder import text_encoder_name
from tb_keras.serving import export, latest_version
from tb_keras.training.run import Run

_RUN = flags.DEFINE_string("run", None, "Directory of the run that tb-train made.", required=True)
_NETWORK = flags.DEFINE_string(
    "network",
    None,
    "Which network: embedding, similarity or cca; by default the first of these that the run has.",
)
_DIRECTORY = flags.DEFINE_string(
    "directory",
    None,
    "The model's directory; by default savedmodels/ and the run's name, with -similarity or -cca "
    "behind it for such a network.",
)


def main(arguments: list[str]) -> None:
    if arguments:
        raise ValueError(f"tb-export takes flags only. Received: {' '.join(arguments)}")
    run = Run(_RUN.value)
    settings, trained = run.settings, run.networks()
    network = _NETWORK.value or trained[0]
    if network not in trained:
        raise ValueError(
            f"--network must be one that {_RUN.value!r} has: {', '.join(trained)}. "
            f"Received: --network={network}"
        )
    name = run.name + ("" if network == "embedding" else f"-{network}")
    directory = Path(_DIRECTORY.value or Path("savedmodels") / name)
    seed = run.best_seed(network)
    file = run.seed_directory(network, seed) / "network.keras"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    latest = directory / str(latest_version(directory))
    card = latest / "README.md"
    if card.exists() and digest in card.read_text(encoding="utf-8"):
        print(f"{latest} holds this network already")
        return
    print(f"Exporting seed {seed}, the best on the validation split (about half a minute) ...")
    texts = text_encoder(text_encoder_name(run)) if settings["text_encoder"] else None
    version = export(
        run.network(network, seed),
        directory,
        _image_encoder(settings),
        texts,
        card=model_card(run, network, seed, digest),
    )
    print(f"Wrote {version}")
    for inputs, encoder in (("pictures", "image_encoder"), ("texts", "text_encoder")):
        if settings[encoder] is None:
            print(
                f"It takes features of {inputs}, no {inputs}: the run has no {encoder} of its own"
            )


def _image_encoder(settings: dict):
    if settings["task"] == "localization":
        return RegionEncoder(settings["image_encoder"], **settings["regions"])
    if settings["image_encoder"] is None:
        return None
    return image_encoder(settings["image_encoder"], crops=settings.get("crops", 1))


if __name__ == "__main__":
    run_main("tb-export", main)
