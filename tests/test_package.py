"""Tests of what `import tb_keras` brings and what it leaves for later."""

import pathlib
import subprocess
import sys

import pytest

import tb_keras

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
NEW_MODULES = """
import sys, keras
before = set(sys.modules)
import tb_keras
print(*(set(sys.modules) - before), sep="\\n")
"""


def test_importing_the_package_leaves_out_what_is_heavy_and_optional():
    process = subprocess.run(
        [sys.executable, "-c", NEW_MODULES],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=pathlib.Path(tb_keras.__file__).parents[1],
    )
    assert process.returncode == 0, process.stderr[-3000:]
    loaded = set(process.stdout.splitlines())
    assert "tb_keras.networks.embedding_network" in loaded
    assert loaded.isdisjoint(LOADED_WHEN_USED), loaded & set(LOADED_WHEN_USED)


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
