"""Tests of what `import tb_keras` brings and what it leaves for later."""

import itertools
import json
import pathlib
import subprocess
import sys

import pytest

import tb_keras

ROOT = pathlib.Path(tb_keras.__file__).parents[1]
LOADED_WHEN_USED = (
    "tensorflow_text",
    "keras_hub",
    "sklearn",
    "cv2",
    "resvg_py",
    "tb_keras.datasets",
    "tb_keras.serving",
)


# Keras brings some of them along (scikit-learn for its wrappers): what it brings does not count.
IMPORTING = """
import json, sys, keras
before = set(sys.modules)
import tb_keras
loaded = set(sys.modules) - before
print(json.dumps([sorted(loaded), sorted(keras.saving.get_custom_objects())]))
"""


@pytest.fixture(scope="module")
def imported():
    """What `import tb_keras` alone loads and registers with Keras."""
    process = subprocess.run(
        [sys.executable, "-c", IMPORTING], capture_output=True, text=True, timeout=300, cwd=ROOT
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return [set(names) for names in json.loads(process.stdout.splitlines()[-1])]


def test_importing_the_package_leaves_out_what_is_heavy_and_optional(imported):
    loaded, _ = imported
    assert "tb_keras.networks.embedding_network" in loaded
    assert loaded.isdisjoint(LOADED_WHEN_USED), loaded & set(LOADED_WHEN_USED)


def test_importing_the_package_registers_every_class(imported):
    """So that it is enough to load whatever Keras model the package saves."""
    _, registered = imported
    decorated = set()
    for file in (ROOT / "tb_keras").rglob("*.py"):
        lines = file.read_text(encoding="utf-8").splitlines()
        for line, following in itertools.pairwise(lines):
            if line.startswith("@keras.saving.register_keras_serializable"):
                name = following.split("(")[0].split(":")[0].split()[1]
                decorated.add(f"tb_keras>{name}")
    assert len(decorated) > 10
    assert decorated <= registered


@pytest.mark.parametrize(
    "room",
    "batching datasets encoders evaluation losses networks search serving training".split(),
)
def test_each_room_loads_when_it_is_named(room):
    assert getattr(tb_keras, room).__name__ == f"tb_keras.{room}"
    assert room in dir(tb_keras)


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'tb_keras' has no attribute 'loses'"):
        _ = tb_keras.loses
    assert not hasattr(tb_keras, "sklearn")


def test_the_version_is_a_version():
    assert all(part.isdigit() for part in tb_keras.__version__.split("."))
