"""What an index finds among photographs and captions in each store and type.

    python -m benchmarks.photographs.index_types --data=flickr8k

Trains the default network on Flickr8k's training photographs and puts all photographs and captions
of the data set into an index. The captions of the validation split find photographs and captions,
and its photographs find captions. Each answer is compared with that of a product with all vectors
in float32. Writes index_types.md and index_types.json beside this file; what is in the JSON is not
measured again.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from absl import app
from tabulate import tabulate

from benchmarks.choices.ablation import measured_in_turn
from benchmarks.pages import measured_on, write_page
from benchmarks.photographs.flickr8k import DIRECTORY, EPOCHS, IMAGE_ENCODER, flickr8k
from tb_keras.search import EmbeddedItem, ImageTextIndex
from tb_keras.search.index import highest_rows
from tb_keras.training import RECIPES, from_recipe

_K = 10
_STORES = (
    *("exact float32", "exact float16", "exact int8", "exact binary"),
    *("faiss float32", "faiss float16", "lancedb float32", "lancedb int8", "lancedb binary"),
)
_COLUMNS = {
    "of images": "photographs",
    "of texts": "captions",
    "of images by images": "by photographs: photographs",
    "of texts by images": "captions",
    "disk": "disk, MB",
}


class _Embedded(NamedTuple):
    """Embeddings of all photographs and distinct captions, and those that are asked for."""

    paths: list[str]
    images: np.ndarray
    texts: list[str]
    of_texts: np.ndarray
    asked: dict[str, np.ndarray]


def main(arguments: list[str]) -> None:
    del arguments
    file = Path(DIRECTORY.value) / "index_types.json"
    settings = {name: {"store": name} for name in _STORES}
    measured = measured_in_turn(file, settings, 1, _figures)
    rows = [
        [name, *(f"{measured[f'{name}, seed 0'][column]:.1f}" for column in _COLUMNS)]
        for name in settings
    ]
    table = tabulate(rows, ["captions find", *_COLUMNS.values()], "github", disable_numparse=True)
    of = _embedded()
    page = f"""# What an index finds among photographs

Written by `python -m benchmarks.photographs.index_types --data=flickr8k`: {len(of.paths):,} \
photographs of Flickr8k and {len(of.texts):,} distinct captions are in the index, with the \
{of.images.shape[1]} dimensions of the default network over `{IMAGE_ENCODER}` and MiniLM, trained \
on the training split. The {len(of.asked["texts"]):,} captions and {len(of.asked["images"]):,} \
photographs of the validation split are asked; each is in the index itself. {measured_on()}

## recall@{_K}, in percent, against a product with all vectors in float32

{table}
"""
    write_page(file, page)


def _figures(changes: dict, seed: int) -> dict[str, float]:
    del seed
    store, dtype = changes["store"].split()
    of, found = _embedded(), {}
    model = SimpleNamespace(fingerprint="1", embed_images=None, embed_texts=None)
    with tempfile.TemporaryDirectory() as folder:
        directory, options = Path(folder) / "index", {"dtype": dtype, "store": store}
        items = [EmbeddedItem(*item) for item in zip(of.paths, of.paths, of.images)]
        ImageTextIndex.build(directory, model, embedded=items, **options).close()
        with ImageTextIndex(directory) as index:
            index.add_embedded([EmbeddedItem(t, None, e) for t, e in zip(of.texts, of.of_texts)])
            for by, queries in of.asked.items():
                for kind, ids, rows in (
                    ("images", of.paths, of.images),
                    ("texts", of.texts, of.of_texts),
                ):
                    right = highest_rows(rows, queries, min(_K, len(rows)))[1]
                    answers = index.search(queries, _K, of=kind)[1]
                    same = [len({*a} & {ids[r] for r in b}) for a, b in zip(answers, right)]
                    name = f"of {kind}" + (" by images" if by == "images" else "")
                    found[name] = 100 * float(np.mean(same)) / right.shape[1]
        found["disk"] = sum(f.stat().st_size for f in directory.rglob("*") if f.is_file()) / 1e6
    return found


@functools.cache
def _embedded() -> _Embedded:
    recipe = RECIPES["retrieval", "embedding"]["small"]
    train, held_out = flickr8k("train"), flickr8k("validation")
    network, model, batches = from_recipe(train, recipe, validation=held_out)
    epochs = EPOCHS.value or recipe.epochs
    model.fit(batches(0), epochs=epochs, shuffle=False, verbose=0)
    splits = train, held_out, flickr8k("test")
    paths = [path for corpus in splits for path in corpus.image_paths]
    images = [network.embed_images(corpus.image_features) for corpus in splits]
    texts = [network.embed_texts(corpus.text_features) for corpus in splits]
    row_of = {text: row for row, text in enumerate(t for c in splits for t in c.texts)}
    asked = {"texts": texts[1], "images": images[1]}
    of_texts = np.concatenate(texts)[list(row_of.values())]
    return _Embedded(paths, np.concatenate(images), list(row_of), of_texts, asked)


if __name__ == "__main__":
    app.run(main)
