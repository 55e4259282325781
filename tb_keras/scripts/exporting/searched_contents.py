"""What an exported model is to search: `--corpus`, embedded by the network."""

from __future__ import annotations

import hashlib
from pathlib import Path

from absl import flags

from tb_keras.datasets import load
from tb_keras.datasets.own.archives.shard_names import is_pattern
from tb_keras.scripts.own_data.column_flag import column_options
from tb_keras.scripts.own_data.readable_pictures import readable_corpus, readable_paths, skips
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_data import load_corpus
from tb_keras.scripts.runs.run_model import RunModel
from tb_keras.scripts.searching.searched_collection import (
    Searched,
    searched_corpus,
    searched_folder,
)
from tb_keras.search import Searchable

CORPUS = flags.DEFINE_string(
    "corpus",
    None,
    "Pictures and texts that the signatures search and search_texts find: a folder of pictures, "
    "with its subfolders; a table of pictures and texts; or 'run', all of the run's own data set.",
)


def searched_contents(run: Run, network: str) -> Searchable | None:
    """Returns the pictures and texts to search, embedded by the network to export.

    Raises:
        ValueError: if the network does not embed.
        FileNotFoundError: if there is no such corpus.
    """
    if not CORPUS.value:
        return None
    if network == "similarity":
        raise ValueError("--corpus needs a network that embeds; --network=similarity does not")
    model = RunModel(run, network)
    searched = _searched(run)
    texts = [text for text in dict.fromkeys(searched.texts) if text]
    images = model.embed_images(searched.paths)
    return Searchable(
        searched.ids(), images, texts or None, model.embed_texts(texts) if texts else None
    )


def said_of(searchable: Searchable) -> str:
    """Returns the sentence of a card that tells these contents from others."""
    texts = len(searchable.text_ids or ())
    held = hashlib.sha256()
    for part in (searchable.image_ids, searchable.text_ids or ()):
        held.update("\0".join([*part, ""]).encode())
    for embeddings in (searchable.image_embeddings, searchable.text_embeddings):
        held.update(b"" if embeddings is None else embeddings.tobytes())
    return (
        f"It finds {len(searchable.image_ids)} pictures and {texts} texts "
        f"(SHA-256 {held.hexdigest()})."
    )


def _searched(run: Run) -> Searched:
    path = Path(CORPUS.value)
    if CORPUS.value == "run":
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
        f"Received: --corpus={CORPUS.value}"
    )
