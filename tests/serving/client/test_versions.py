"""Tests of new versions, of labels, and of the stand-in server as a program."""

import os
import pathlib
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("tensorflow_serving")

from tb_keras.serving.client.client import Client
from tests.serving.client.served_models import TEXTS, save_version, scaled_by_hand
from tests.serving.servers import KINDS, serving

BOTH = pytest.mark.parametrize("protocol", ["grpc", "rest"])
LABELS = {"stable": 1, "canary": 2}


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def labelled(kind, tmp_path_factory):
    """A server of two versions, with labels."""
    directory = tmp_path_factory.mktemp("served") / "scaled"
    for version in (1, 2):
        save_version(directory / str(version), version)
    with serving(kind, directory, "scaled", LABELS) as addresses:
        yield addresses


def client_of(addresses, protocol, **options):
    return Client("scaled", getattr(addresses, protocol), protocol=protocol, timeout=60, **options)


@BOTH
def test_versions_and_labels(labelled, protocol):
    with client_of(labelled, protocol) as client:
        assert client.versions() == {1: "AVAILABLE", 2: "AVAILABLE"}
    for options, number in [({}, 2), ({"version": 1}, 1), ({"version": 2}, 2)] + [
        ({"label": label}, number) for label, number in LABELS.items()
    ]:
        with client_of(labelled, protocol, **options) as client:
            expected = scaled_by_hand(number)
            np.testing.assert_allclose(client.embed_texts(TEXTS), expected, atol=1e-5)


@BOTH
def test_a_new_version_while_requests_run(kind, protocol, tmp_path):
    directory = tmp_path / "scaled"
    save_version(directory / "1", 1)
    save_version(tmp_path / "ready", 2)
    old, new = scaled_by_hand(1), scaled_by_hand(2)
    answered, problems, until = {"old": 0, "new": 0}, [], time.monotonic() + 120

    def ask(addresses):
        try:
            with client_of(addresses, protocol, batch_size=2) as client:
                after = 0
                while after < 5 and time.monotonic() < until:
                    found = client.embed_texts(TEXTS)
                    rows = [np.allclose(found, texts, atol=1e-5) for texts in (old, new)]
                    if not any(rows) and protocol == "grpc":
                        problems.append("rows of two versions in one answer")
                    answered["new" if rows[1] else "old"] += 1
                    after += rows[1]
        except Exception as error:
            problems.append(error)

    with serving(kind, directory, "scaled") as addresses:
        threads = [threading.Thread(target=ask, args=(addresses,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        while not answered["old"] and not problems:
            time.sleep(0.01)
        os.rename(tmp_path / "ready", directory / "2")
        for thread in threads:
            thread.join()
    assert problems == []
    assert answered["old"] >= 1
    assert answered["new"] >= 15


@pytest.mark.slow
def test_the_stand_in_as_a_program_without_tb_keras(tmp_path):
    save_version(tmp_path / "scaled" / "3", 3)
    repository = pathlib.Path(__file__).parents[3]
    (tmp_path / "tb_keras.py").write_text("raise ImportError('must not be needed')")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.serving.stand_in.server",
            tmp_path / "scaled",
            "--name=scaled",
        ],
        cwd=tmp_path,  # first on the path, so that its tb_keras is the one that is found
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(repository)])},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _, grpc_address, _, rest_address = process.stdout.readline().split()
        addresses = {"grpc": grpc_address, "rest": rest_address}
        for protocol, address in addresses.items():
            with Client("scaled", address, protocol=protocol) as client:
                found = client.embed_texts(TEXTS)
                np.testing.assert_allclose(found, scaled_by_hand(3), atol=1e-5)
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(30) == 0
