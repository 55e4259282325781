"""The input pipeline alone: batches from memory maps, beside a PyTorch DataLoader."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.peers.in_turn import ratio, ratio_table, seconds_in_turn
from tb_keras.batching import neighborhood_batches
from tb_keras.batching.neighborhood_order import NeighborhoodOrder
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches

FULL = {
    "images": 10_000,
    "texts_per_image": 3,
    "image_dim": 4096,
    "text_dim": 6000,
    "images_per_batch": 500,
}
SMALL = {
    "images": 60,
    "texts_per_image": 3,
    "image_dim": 8,
    "text_dim": 12,
    "images_per_batch": 20,
}
OURS = "neighborhood_batches"

_BATCH_TEXTS = 2  # of each image in a batch
_WORKERS = (0, 2)
_ROWS = 2048  # written at a time


def measure(
    file: Path,
    repetitions: int,
    images: int,
    texts_per_image: int,
    image_dim: int,
    text_dim: int,
    images_per_batch: int,
) -> dict:
    """Times whole epochs of each pipeline in turn, over the same memory maps.

    Args:
        file: not used: it takes minutes.
        repetitions: how many epochs of each, after a first one.
        images: how many the corpus has.
        texts_per_image: how many texts of each.
        image_dim: size of the image features.
        text_dim: size of the text features.
        images_per_batch: images in a batch, with two texts each.
    """
    del file
    sizes = {"image": (images, image_dim), "text": (images * texts_per_image, text_dim)}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for seed, (name, shape) in enumerate(sizes.items()):
            files[name] = Path(folder) / f"{name}.npy"
            write_features(files[name], shape, seed)
        matches = Matches.of(np.repeat(np.arange(images), texts_per_image))
        found = pipelines(files, matches, images_per_batch)
        seconds = seconds_in_turn(
            {name: lambda batches=batches: _drained(batches) for name, batches in found.items()},
            repetitions,
        )
        num_batches = {name: _drained(batches) for name, batches in found.items()}
        del found  # and with it the workers, while their files are there
    return {
        "features": {name: list(shape) for name, shape in sizes.items()},
        "images_per_batch": images_per_batch,
        "batches": num_batches,
        "seconds": {
            name: [second / num_batches[name] for second in taken]
            for name, taken in seconds.items()
        },
    }


def section(figures: dict) -> str:
    """Returns the part's Markdown."""
    (images, image_dim), (texts, text_dim) = figures["features"].values()
    size = 2 * (images * image_dim + texts * text_dim) / 2**30
    batch = figures["images_per_batch"]
    rates = ", ".join(
        f"{name} {1 / np.median(seconds):.3g}" for name, seconds in figures["seconds"].items()
    )
    parts = [
        f"## Input pipeline\n\nBatches of {batch} images × {image_dim} and {_BATCH_TEXTS * batch} "
        f"texts × {text_dim} in float32 with their masks, whole epochs after one another without "
        f"training, from memory maps in float16 of {images:,} images and {texts:,} texts "
        f"({size:.2g} GiB, in the page cache). *{_by_batch(0)}* does the same work in a Dataset "
        "that takes a batch's indices: the same order, the same masks. "
        f"*{_by_item(0)}* is what is usually written: an item is an image with its texts, "
        "shuffled, collated by default, and its masks (which know of the image's own texts alone) "
        "cost nothing. Workers are kept from epoch to epoch.",
        ratio_table(figures["seconds"], OURS, "ms").replace("ms, median", "ms a batch, median"),
        f"Batches a second: {rates}.",
    ]
    if len(figures["seconds"]) == 1:
        parts.append("Not measured here: the DataLoader (torch is not installed).")
    return "\n\n".join(parts)


def losing(figures: dict) -> list[str]:
    """Returns a sentence for each peer that is faster."""
    seconds = figures["seconds"]
    times = {peer: ratio(seconds, OURS, peer) for peer in seconds}
    return [
        f"{OURS} takes {times[peer]:.2f} times the seconds a batch of {peer}."
        for peer in seconds
        if times[peer] > 1
    ]


def pipelines(
    files: dict[str, Path], matches: Matches, images_per_batch: int
) -> dict[str, Iterable[dict]]:
    """Returns the pipelines by name; each iteration gives the batches of the next epoch.

    Args:
        files: the features of `image` and `text`, `.npy` in float16.
        matches: between them, several texts an image.
        images_per_batch: images in a batch, with two texts each.
    """
    features = {name: np.load(file, mmap_mode="r") for name, file in files.items()}
    corpus = Corpus(matches, image_features=features["image"], text_features=features["text"])
    found = {OURS: neighborhood_batches(corpus, images_per_batch, _BATCH_TEXTS)}
    if not importlib.util.find_spec("torch"):
        return found
    import torch
    from torch.utils.data import DataLoader

    torch.set_num_threads(2)
    order = Order(NeighborhoodOrder(matches, images_per_batch, _BATCH_TEXTS))
    for workers in _WORKERS:
        # Spawned, as TensorFlow's threads are in this process.
        options = {
            "num_workers": workers,
            "multiprocessing_context": "spawn" if workers else None,
            "persistent_workers": bool(workers),
        }
        found[_by_batch(workers)] = DataLoader(
            BatchDataset(files, matches), sampler=order, batch_size=None, **options
        )
        found[_by_item(workers)] = DataLoader(
            ItemDataset(files, matches), images_per_batch, shuffle=True, drop_last=True, **options
        )
    return found


class Order:
    """Sampler: the indices of each batch of an epoch, and of the next epoch when asked again."""

    def __init__(self, order: NeighborhoodOrder):
        self.order, self.epoch = order, 0

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        batches = self.order.epoch(self.epoch)
        self.epoch += 1
        return zip(batches.images, batches.texts)

    def __len__(self) -> int:
        return self.order.num_batches


class _Maps:
    """Memory maps that each worker opens for itself; pickled they would travel whole."""

    def __init__(self, files: dict[str, Path], matches: Matches):
        self.files, self.matches, self._features = files, matches, None

    def features(self, name: str) -> np.ndarray:
        if self._features is None:
            self._features = {key: np.load(file, mmap_mode="r") for key, file in self.files.items()}
        return self._features[name]


class BatchDataset(_Maps):
    """Map-style Dataset whose items are whole batches, by the indices of their rows."""

    def __getitem__(self, rows: tuple[np.ndarray, np.ndarray]) -> dict:
        import torch

        batch = {}
        for name, indices in zip(("image", "text"), rows):
            taken = torch.from_numpy(self.features(name)[np.maximum(indices, 0)]).float()
            taken[torch.from_numpy(indices < 0)] = 0
            batch[name] = taken
        masks = self.matches.batch_masks(*rows)._asdict()
        return batch | {name: torch.from_numpy(mask) for name, mask in masks.items()}


class ItemDataset(_Maps):
    """Map-style Dataset whose items are an image and two of its texts, drawn anew each time."""

    def __len__(self) -> int:
        return self.matches.num_images

    def __getitem__(self, image: int) -> dict:
        import torch

        own = torch.from_numpy(self.matches.texts_of(image))
        texts = own[torch.randperm(len(own))[:_BATCH_TEXTS]].numpy()
        return {
            "image": torch.from_numpy(self.features("image")[image].astype(np.float32)),
            "text": torch.from_numpy(self.features("text")[texts].astype(np.float32)),
        }


def write_features(file: Path, shape: tuple[int, int], seed: int) -> None:
    """Writes normal float16 features, some rows at a time.

    Args:
        file: `.npy` to write.
        shape: rows and their size.
        seed: of the random numbers.
    """
    rng = np.random.default_rng(seed)
    features = np.lib.format.open_memmap(file, "w+", np.float16, shape)
    for start in range(0, shape[0], _ROWS):
        block = features[start : start + _ROWS]
        block[:] = rng.standard_normal(block.shape, dtype=np.float32)


def _drained(batches: Iterable[dict]) -> int:
    return sum(1 for _ in batches)


def _by_batch(workers: int) -> str:
    return f"DataLoader by the batch, {workers} workers"


def _by_item(workers: int) -> str:
    return f"DataLoader item by item, {workers} workers"
