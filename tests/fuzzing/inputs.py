"""Damaged files, one after the other, and what the readers make of them."""

import collections
import functools
import os
import shutil
import traceback
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.fuzzing.damage import damaged
from tests.fuzzing.readers import READERS

LONGEST = 500  # characters of an error
REFRESHED = 500  # inputs after which the cache directory is emptied


class Failure(NamedTuple):
    """An input that ended in neither a result nor a short ValueError or OSError."""

    seed: int
    reader: str
    file: str
    error: str


class Inputs:
    """Runs damaged inputs, each told by a seed that names its reader and its damage.

    The environment's TB_KERAS_CACHE should be a directory of the test's own.
    """

    def __init__(self, folder, only=None):
        self.folder, self.names = Path(folder), [only] if only else sorted(READERS)
        self.counts = collections.Counter()  # of (reader, outcome)
        self._made = functools.cache(self._make)

    def _make(self, name):
        folder = self.folder / name
        folder.mkdir()
        read = READERS[name](folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(folder)  # the files are right before they are damaged
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        return folder, read, {file: file.read_bytes() for file in files}

    def run(self, seed):
        """Returns the `Failure` of an input, or None."""
        name = self.names[seed % len(self.names)]
        folder, read, files = self._made(name)
        random = np.random.default_rng([seed, 2])
        file = list(files)[random.integers(len(files))]
        file.write_bytes(damaged(files[file], file.name, random))
        outcome, failure = "refused", None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(folder)
            outcome = "read"
        except (ValueError, OSError) as error:
            if len(str(error)) >= LONGEST or isinstance(error, UnicodeError):
                failure = f"{type(error).__name__} of {len(str(error))} characters: {error!s:.200}"
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {error!s:.200}"
            failure = f"{said} at {place.filename}:{place.lineno}"
        finally:
            file.write_bytes(files[file])
        self.counts[name, "failed" if failure else outcome] += 1
        if seed % REFRESHED == 0 and "TB_KERAS_CACHE" in os.environ:
            shutil.rmtree(os.environ["TB_KERAS_CACHE"], ignore_errors=True)
        return failure and Failure(seed, name, str(file.relative_to(folder)), failure)
