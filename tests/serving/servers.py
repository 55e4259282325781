"""Servers to test against: the stand-in, and `tensorflow_model_server` where there is one."""

import contextlib
import os
import pathlib
import socket
import subprocess
import time
from typing import NamedTuple

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from tests.serving.stand_in.server import StandInServer

BINARY = os.environ.get("TENSORFLOW_MODEL_SERVER")
KINDS = [
    "stand-in",
    pytest.param(
        "tensorflow_model_server",
        marks=pytest.mark.skipif(
            not BINARY, reason="TENSORFLOW_MODEL_SERVER names no tensorflow_model_server"
        ),
    ),
]


class Addresses(NamedTuple):
    """Where a server listens, "127.0.0.1:port"."""

    grpc: str
    rest: str


@contextlib.contextmanager
def serving(kind, directory, name, labels=()):
    """Serves a model's directory by one of `KINDS`; yields its addresses once it answers."""
    if kind == "stand-in":
        with StandInServer(directory, name, labels) as server:
            yield Addresses(server.grpc_address, server.rest_address)
    else:
        with _real(directory, name, dict(labels)) as addresses:
            yield addresses


@contextlib.contextmanager
def _real(directory, name, labels):
    ports = []
    with contextlib.ExitStack() as held:
        for _ in range(2):
            free = held.enter_context(socket.socket())
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    command = [BINARY, f"--port={ports[0]}", f"--rest_api_port={ports[1]}"]
    command.append("--file_system_poll_wait_seconds=1")
    if labels:  # these need a configuration, in which every version is loaded
        config = pathlib.Path(directory).parent / f"{name}.models.config"
        config.write_text(_config(directory, name, labels))
        command.append(f"--model_config_file={config}")
        command.append("--allow_version_labels_for_unavailable_models=true")
    else:
        command += [f"--model_name={name}", f"--model_base_path={directory}"]
    process = subprocess.Popen(command)
    try:
        addresses = Addresses(*(f"127.0.0.1:{port}" for port in ports))
        _wait(addresses.grpc, name, process)
        yield addresses
    finally:
        process.terminate()
        process.wait(30)


def _config(directory, name, labels):
    marked = "".join(f' version_labels {{ key: "{k}" value: {v} }}' for k, v in labels.items())
    return (
        f'model_config_list {{ config {{ name: "{name}" base_path: "{directory}" '
        f'model_platform: "tensorflow" model_version_policy {{ all {{}} }}{marked} }} }}'
    )


def _wait(address, name, process, timeout=120):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    end = time.monotonic() + timeout
    with grpc.insecure_channel(address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        while process.poll() is None and time.monotonic() < end:
            try:
                found = stub.GetModelStatus(request, timeout=5).model_version_status
            except grpc.RpcError:
                found = []
            if found and all(status.state == available for status in found):
                return
            time.sleep(0.2)
    raise RuntimeError(f"{BINARY} does not serve {name}; it ended with {process.poll()}")
