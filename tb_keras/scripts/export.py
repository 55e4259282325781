"""Exports the best network of a run with its encoders, as a SavedModel for TensorFlow Serving.

    tb-export --run=runs/openmoji
    tb-export --run=runs/scenes --network=similarity
    tb-export --run=runs/mine --corpus=~/Pictures --weights=float16

The model takes the bytes of pictures and strings (and boxes, to localize), and needs nothing of
this package. If the run was trained on features of another origin, it takes such features. It is
written to DIRECTORY/VERSION/ under the next free version number, unless the latest version already
holds the same. savedmodels/models.config is updated, which tells a server its models and which
version is stable and which is canary.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from absl import flags

from tb_keras.datasets import load
from tb_keras.datasets.own.archives.shard_names import is_pattern
from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.encoders.presets.preset_backbone import loaded_once
from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.scripts.own_data.column_flag import COLUMNS, column_options
from tb_keras.scripts.pages.model_card import model_card
from tb_keras.scripts.readable_pictures import (
    UNREADABLE,
    readable_corpus,
    readable_paths,
    skips,
)
from tb_keras.scripts.run_main import run_main
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_data import load_corpus
from tb_keras.scripts.runs.run_model import RunModel
from tb_keras.scripts.runs.run_text_encoder import text_encoder_name
from tb_keras.scripts.searching.searched_collection import (
    Searched,
    searched_corpus,
    searched_folder,
)
from tb_keras.search import Searchable
from tb_keras.search.graph_index import STORED_DTYPES
from tb_keras.serving import export, latest_version, write_server_config

_RUN = flags.DEFINE_string("run", None, "Directory of the run that tb-train made.", required=True)
_NETWORK = flags.DEFINE_string(
    "network",
    None,
    "Network to export: embedding, similarity or cca; by default the first of these in the run.",
)
_DIRECTORY = flags.DEFINE_string(
    "directory",
    None,
    "Directory of the model; by default savedmodels/ and the run's name, followed by -similarity "
    "or -cca for these networks.",
)
_CORPUS = flags.DEFINE_string(
    "corpus",
    None,
    "Pictures and texts that the signatures search and search_texts find: a folder of pictures, "
    "with its subfolders; a table of pictures and texts; or 'run', all of the run's own data set.",
)
_WEIGHTS = flags.DEFINE_enum(
    "weights",
    "float32",
    STORED_DTYPES,
    "How the matrices and the embeddings to search are stored. A 16-bit type takes half the space "
    "and is somewhat slower.",
)
_ENCODERS = flags.DEFINE_bool(
    "encoders",
    True,
    "Whether the model holds the encoders. With --noencoders it is small, and takes features of "
    "pictures and texts.",
)

flags.declare_key_flag(COLUMNS)  # so that --help shows it
flags.declare_key_flag(UNREADABLE)  # so that --help shows it


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
    localizes = settings["task"] == "localization"
    if localizes and not _ENCODERS.value:
        raise ValueError("--noencoders leaves nothing to localize with: features have no boxes")
    name = run.name + ("" if network == "embedding" else f"-{network}")
    directory = Path(_DIRECTORY.value or Path("savedmodels") / name)
    seed = run.best_seed(network)
    file = run.seed_directory(network, seed) / "network.keras"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    searchable = _searchable(run, network) if _CORPUS.value else None
    contents = _contents(searchable)
    latest = directory / str(latest_version(directory))
    card = model_card(run, network, seed, digest, contents)
    if _holds(latest / "README.md", card):
        print(f"{latest} holds this network already")
        return
    print(f"Exporting seed {seed}, the best on the validation split (about half a minute) ...")
    encoders = (None, None)
    if _ENCODERS.value:
        with loaded_once():
            encoders = _image_encoder(settings), _text_encoder(run)
    version = export(
        run.network(network, seed),
        directory,
        *encoders,
        card=card,
        searchable=searchable,
        weights=_WEIGHTS.value,
    )
    print(f"Wrote {version}")
    for inputs, encoder in (("pictures", "image_encoder"), ("texts", "text_encoder")):
        if settings[encoder] is None:
            print(f"It takes features of {inputs}: the run has no {encoder} of its own")
    if not find_spec("tensorflow_serving"):
        print(
            "It has no warm-up requests: pip install 'tb_keras[serving]' and export again for some"
        )
    elif _DIRECTORY.value is None:
        print(f"Wrote {write_server_config(directory.parent)}")


def _searchable(run: Run, network: str) -> Searchable:
    """Returns the pictures and texts to search, embedded by the network to export."""
    if network == "similarity":
        raise ValueError("--corpus needs a network that embeds; --network=similarity does not")
    model = RunModel(run, network)
    searched = _searched(run)
    texts = [text for text in dict.fromkeys(searched.texts) if text]
    images = model.embed_images(searched.paths)
    return Searchable(
        searched.ids(), images, texts or None, model.embed_texts(texts) if texts else None
    )


def _searched(run: Run) -> Searched:
    path = Path(_CORPUS.value).expanduser()
    if _CORPUS.value == "run":
        corpus = load_corpus(run.settings, "all")
        return searched_corpus(readable_corpus(corpus, skips(run.settings), "--corpus"))
    if path.is_file() or is_pattern(path):
        corpus = load("table", path, split="all", **column_options())
        return searched_corpus(readable_corpus(corpus, skips(), "--corpus"))
    if path.is_dir():
        found = searched_folder(path)
        return found._replace(paths=readable_paths(found.paths, skips(), "--corpus"))
    raise FileNotFoundError(
        "--corpus must be a folder of pictures, a table of pictures and texts, or 'run'. "
        f"Received: --corpus={_CORPUS.value}"
    )


def _contents(searchable: Searchable | None) -> str:
    """Returns the part of the card that tells this export from others of the same network."""
    said = []
    if not _ENCODERS.value:
        said.append("It has no encoders, and takes their features.")
    if _WEIGHTS.value != "float32":
        said.append(f"Matrices are stored as {_WEIGHTS.value}.")
    if searchable is not None:
        texts = len(searchable.text_ids or ())
        held = hashlib.sha256()
        for part in (searchable.image_ids, searchable.text_ids or ()):
            held.update("\0".join([*part, ""]).encode())
        for embeddings in (searchable.image_embeddings, searchable.text_embeddings):
            held.update(b"" if embeddings is None else embeddings.tobytes())
        said.append(
            f"It finds {len(searchable.image_ids)} pictures and {texts} texts "
            f"(SHA-256 {held.hexdigest()})."
        )
    return "\n".join(said)


def _holds(readme: Path, card: str) -> bool:
    """Whether the card of a version is this one."""
    return readme.exists() and readme.read_text(encoding="utf-8").startswith(card.rstrip())


def _image_encoder(settings: dict):
    if settings["task"] == "localization":
        return RegionEncoder(settings["image_encoder"], **settings["regions"])
    if settings["image_encoder"] is None:
        return None
    return image_encoder(settings["image_encoder"], crops=settings["crops"])


def _text_encoder(run: Run):
    name = text_encoder_name(run)
    return None if name is None else text_encoder(name, max_tokens=run.settings["max_tokens"])


if __name__ == "__main__":
    run_main("tb-export", main)
