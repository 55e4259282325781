"""Every part of the benchmark keeps to what the runner and the page rely on."""

import functools
import importlib
import json
import re

import pytest

from benchmarks.peers.parts import PARTS


@functools.cache
def small_figures(name, folder):
    """The figures of a small run as they are read back from a file: each part runs once."""
    part = importlib.import_module(f"benchmarks.peers.parts.{name}")
    return json.loads(json.dumps(part.measure(folder / f"{name}.json", 2, **part.SMALL)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(params=PARTS)
def part(request):
    if importlib.util.find_spec(f"benchmarks.peers.parts.{request.param}") is None:
        pytest.skip("not there yet")
    return importlib.import_module(f"benchmarks.peers.parts.{request.param}")


@pytest.fixture
def figures(part, folder):
    for package in ("resvg_py", "keras_hub"):
        pytest.importorskip(package)
    return small_figures(part.__name__.rpartition(".")[2], folder)


def test_small_and_full_set_the_same_sizes(part):
    assert part.SMALL.keys() == part.FULL.keys()


def test_a_section(part, figures):
    section = part.section(figures)
    headings = re.findall(r"^#+ .+$", section, flags=re.MULTILINE)
    assert headings[0] == section.splitlines()[0]
    assert re.match(r"## \S", section)
    assert all(heading.startswith("###") for heading in headings[1:])
    assert "nan" not in section.lower().split()


def test_where_the_package_loses(part, figures):
    losing = part.losing(figures)
    assert isinstance(losing, list)
    for sentence in losing:
        assert re.fullmatch(r"\S.*\.", sentence)
