"""A model whose pictures are small text files, and stores to test with it."""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

DIM = 8
STORES = {"exact": None, "faiss": "faiss", "qdrant": "qdrant_client", "lancedb": "lancedb"}


def needs(store):
    """A case that is skipped where the store's package is not installed, and else slow."""
    package = STORES[store]
    missing = package is not None and importlib.util.find_spec(package) is None
    skip = pytest.mark.skipif(missing, reason=f"{package} is missing")
    return pytest.param(store, marks=[skip, *([pytest.mark.slow] if package else [])])


INSTALLED = [needs(store) for store in STORES]


def vector(content, dim=DIM):
    """A unit vector that follows from a string."""
    seed = int.from_bytes(hashlib.sha256(content.encode()).digest()[:8], "big")
    values = np.random.default_rng(seed).standard_normal(dim)
    return (values / np.linalg.norm(values)).astype("float32")


class Model:
    """Embeds what a file holds; counts what it embeds."""

    def __init__(self, fingerprint="one", dim=DIM):
        self.fingerprint, self.dim, self.embedded = fingerprint, dim, []

    def embed_images(self, paths):
        return self.embed_texts([Path(path).read_text() for path in paths])

    def embed_texts(self, texts):
        self.embedded += texts
        return np.stack([vector(text, self.dim) for text in texts])


def write_pictures(folder, contents):
    """Writes a file for each content by name; returns the paths."""
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(content)
    return [str(folder / name) for name in contents]
