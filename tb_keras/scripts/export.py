"""Exports the best network of a run with its encoders, for TensorFlow Serving or other runtimes.

    tb-export --run=runs/openmoji
    tb-export --run=runs/scenes --network=similarity
    tb-export --run=runs/mine --corpus=~/Pictures --weights=float16
    tb-export --run=runs/mine --format=onnx,litert,openvino --weights=int8

The SavedModel takes the bytes of pictures and strings (and boxes, to localize), and needs nothing
of this package. If the run was trained on features of another origin, it takes such features. It is
written to DIRECTORY/VERSION/ under the next free version number, unless the latest version already
holds the same. Where tb_keras[serving] is installed and no --directory is given,
savedmodels/models.config is updated, which tells a server its models and which version is stable
and which is canary.

The formats onnx, litert and openvino go to DIRECTORY/FORMAT/VERSION/, those of int8 weights to
DIRECTORY/FORMAT-int8/VERSION/. Their models take pixels and tokens, and what makes these of
pictures and texts without TensorFlow lies beside them.
"""

from __future__ import annotations

import functools
import hashlib
from importlib.util import find_spec
from pathlib import Path

from absl import flags

from tb_keras.encoders.text.fitted_text_encoder import FITTED_TEXT_ENCODERS
from tb_keras.scripts.exporting.run_encoders import run_encoders
from tb_keras.scripts.exporting.searched_contents import CORPUS, said_of, searched_contents
from tb_keras.scripts.own_data.column_flag import COLUMNS
from tb_keras.scripts.own_data.readable_pictures import UNREADABLE
from tb_keras.scripts.pages.model_card import model_card
from tb_keras.scripts.run_main import run_main
from tb_keras.scripts.runs.run import Run
from tb_keras.search import Searchable
from tb_keras.search.graph_index import STORED_DTYPES
from tb_keras.serving import export, export_towers, latest_version, write_server_config
from tb_keras.serving.runtimes.export_towers import WEIGHTS
from tb_keras.serving.runtimes.formats import FORMATS

_SAVED_MODEL = "savedmodel"

_RUN = flags.DEFINE_string("run", None, "Directory of the run that tb-train made.", required=True)
_NETWORK = flags.DEFINE_string(
    "network",
    None,
    "Network to export: embedding, similarity or cca; by default the first of these in the run.",
)
_FORMAT = flags.DEFINE_list(
    "format", [_SAVED_MODEL], f"Formats, of {', '.join((_SAVED_MODEL, *FORMATS))}."
)
_DIRECTORY = flags.DEFINE_string(
    "directory",
    None,
    "Directory of the model; by default savedmodels/ and the run's name, followed by -similarity "
    "or -cca for these networks.",
)
_WEIGHTS = flags.DEFINE_enum(
    "weights",
    "float32",
    [*STORED_DTYPES, "int8"],
    "How the matrices and the embeddings to search are stored. A 16-bit type takes half the space "
    "in a SavedModel and is somewhat slower; int8 takes a quarter in the other formats.",
)
_ENCODERS = flags.DEFINE_bool(
    "encoders",
    True,
    "Whether the model holds the encoders. With --noencoders it is small, and takes features of "
    "pictures and texts.",
)

for flag in (CORPUS, COLUMNS, UNREADABLE):
    flags.declare_key_flag(flag)  # so that --help shows it


def main(arguments: list[str]) -> None:
    """Runs the script."""
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
    if settings["task"] == "localization" and not _ENCODERS.value:
        raise ValueError("--noencoders leaves nothing to localize with: features have no boxes")
    for form in _FORMAT.value:
        _check_format(form, settings)
    name = run.name + ("" if network == "embedding" else f"-{network}")
    directory = Path(_DIRECTORY.value or Path("savedmodels") / name)
    seed = run.best_seed(network)
    file = run.seed_directory(network, seed) / "network.keras"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    searchable = searched_contents(run, network)
    card = model_card(run, network, seed, digest, _contents(searchable))
    encoders = functools.cache(lambda: run_encoders(run) if _ENCODERS.value else (None, None))
    for form in _FORMAT.value:
        versions = directory
        if form != _SAVED_MODEL:
            versions /= form if _WEIGHTS.value == "float32" else f"{form}-{_WEIGHTS.value}"
        latest = versions / str(latest_version(versions))
        if _holds(latest / "README.md", card):
            print(f"{latest} holds this network already")
            continue
        print(f"Exporting seed {seed}, the best on the validation split (about half a minute) ...")
        trained_network = run.network(network, seed)
        settled = {"card": card, "weights": _WEIGHTS.value}
        if form == _SAVED_MODEL:
            version = export(
                trained_network, versions, *encoders(), searchable=searchable, **settled
            )
        else:
            version = export_towers(trained_network, versions, form, *encoders(), **settled)
        print(f"Wrote {version}")
        _say_more(form, settings, directory.parent)


def _check_format(form: str, settings: dict) -> None:
    """Raises a ValueError for a format that is not there or cannot be had of this run."""
    if form not in (_SAVED_MODEL, *FORMATS):
        raise ValueError(
            f"--format must be of {', '.join((_SAVED_MODEL, *FORMATS))}. Received: --format={form}"
        )
    weights = STORED_DTYPES if form == _SAVED_MODEL else WEIGHTS
    if _WEIGHTS.value not in weights:
        raise ValueError(
            f"--weights must be one of {', '.join(weights)} with --format={form}. "
            f"Received: --weights={_WEIGHTS.value}"
        )
    if form == _SAVED_MODEL:
        return
    if CORPUS.value:
        raise ValueError(f"--corpus is for --format={_SAVED_MODEL}. Received: --format={form}")
    if settings["task"] == "localization":
        raise ValueError(
            f"--format={form} is for retrieval: pixels do not hold the regions of a picture"
        )
    if _ENCODERS.value and settings["text_encoder"] in FITTED_TEXT_ENCODERS:
        raise ValueError(
            f"--format={form} needs a text encoder with tokens, such as minilm, or --noencoders. "
            f"Received: a run with the text encoder {settings['text_encoder']}"
        )


def _say_more(form: str, settings: dict, models_directory: Path) -> None:
    for inputs, encoder in (("pictures", "image_encoder"), ("texts", "text_encoder")):
        if settings[encoder] is None:
            print(f"It takes features of {inputs}: the run has no {encoder} of its own")
    if form != _SAVED_MODEL:
        return
    if not find_spec("tensorflow_serving"):
        print(
            "It has no warm-up requests and savedmodels/models.config is as before: "
            "pip install 'tb_keras[serving]' and export again"
        )
    elif _DIRECTORY.value is None:
        print(f"Wrote {write_server_config(models_directory)}")


def _contents(searchable: Searchable | None) -> str:
    """Returns the part of the card that tells this export from others of the same network."""
    said = []
    if not _ENCODERS.value:
        said.append("It has no encoders, and takes their features.")
    if _WEIGHTS.value != "float32":
        said.append(f"Matrices are stored as {_WEIGHTS.value}.")
    if searchable is not None:
        said.append(said_of(searchable))
    return "\n".join(said)


def _holds(readme: Path, card: str) -> bool:
    """Whether the card of a version is this one."""
    return readme.exists() and readme.read_text(encoding="utf-8").startswith(card.rstrip())


if __name__ == "__main__":
    run_main("tb-export", main)
