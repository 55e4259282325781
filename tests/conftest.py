"""What every test needs: the backend, before Keras is imported; a seed; hypothesis settings."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import functools
import gc
import random
import re

import hypothesis
import numpy as np
import pytest


def pytest_configure(config):
    """Properties have 100 examples where the slow tests run too, else 25.

    The first call of a TensorFlow function traces it, so no example may be held to a deadline.
    """
    number = 25 if config.getoption("markexpr") else 100
    settings = {"deadline": None, "derandomize": True, "max_examples": number}
    hypothesis.settings.register_profile("tb_keras", **settings)
    hypothesis.settings.load_profile("tb_keras")


@pytest.fixture(autouse=True)
def fixed_random_seed():
    """Seeds Python and NumPy, so that a test that fails once fails again.

    Keras draws the seeds of its layers from Python's generator. Its own `set_random_seed` would
    also empty TensorFlow's kernel cache, and the next test would fill it again: a second or two.
    A test that draws from `tf.random` itself calls `tf.random.set_seed`.
    """
    random.seed(0)
    np.random.seed(0)


def pytest_collection_finish():
    """Collects garbage less often: what was imported stays, and tracing makes many objects."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 20)


def pytest_collection_modifyitems(config, items):
    """Workers begin with the long files, so that they end at about the same time."""
    if hasattr(config, "workerinput"):
        long = ("test_notebooks", "scripts/", "docs/", "training/", "serving/exporting/")
        items.sort(key=lambda item: [not item.nodeid.startswith(f"tests/{part}") for part in long])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Gives each worker whole files, and the files of an `xdist_group` together.

    So what a file's fixtures make is made once, and what a group's fixtures make as well. The group
    is read from the file: pytest-xdist 3.8 adds it to the names of tests, where pytest 9.2 no
    longer sees it.
    """
    from xdist.scheduler import LoadScopeScheduling

    class FilesAndGroups(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group_of(config.rootpath / nodeid.split("::")[0])

    return FilesAndGroups(config, log)


@functools.cache
def group_of(file):
    """The `xdist_group` of a file, or the file itself."""
    group = re.search(r'xdist_group\("(\w+)"\)', file.read_text(encoding="utf-8"))
    return group[1] if group else str(file)
