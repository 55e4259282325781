"""Stands in for `tensorflow_model_server`, which cannot be had here; it is not that server.

It speaks the official PredictionService (Predict and GetModelMetadata; the rest is UNIMPLEMENTED)
and ModelService (GetModelStatus), and the REST routes of the same, over an exported model, and
answers errors with the status and nearly the words of the real one. It knows nothing of tb_keras:

    python -m tests.serving.stand_in.server DIRECTORY --name=emoji --label=stable=1
"""

import argparse
import http.server
import signal
import threading
from concurrent import futures

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from tests.serving.stand_in.grpc_services import GrpcService
from tests.serving.stand_in.loaded_versions import LoadedVersions
from tests.serving.stand_in.rest_routes import RestHandler


class StandInServer:
    """Serves a model's directory on the loopback, by default on free ports, while its `with` lasts.

    Attributes:
        grpc_address, rest_address: "127.0.0.1:port".
    """

    def __init__(self, directory, name="model", labels=(), ports=(0, 0), workers=8):
        self.versions = LoadedVersions(name, directory, dict(labels))
        self.versions.wait()
        unlimited = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]
        self._grpc = grpc.server(futures.ThreadPoolExecutor(workers), options=unlimited)
        service = GrpcService(self.versions)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, self._grpc)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(service, self._grpc)
        port = self._grpc.add_insecure_port(f"127.0.0.1:{ports[0]}")
        self.grpc_address = f"127.0.0.1:{port}"
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", ports[1]), RestHandler)
        self._http.versions = self.versions
        self.rest_address = f"127.0.0.1:{self._http.server_port}"
        self._http_thread = threading.Thread(
            target=self._http.serve_forever, args=(0.05,), daemon=True
        )

    def __enter__(self):
        self._grpc.start()
        self._http_thread.start()
        return self

    def __exit__(self, *_):
        self._grpc.stop(grace=1).wait()
        self._http.shutdown()
        self._http.server_close()
        self._http_thread.join()
        self.versions.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory")
    parser.add_argument("--name", default="model")
    parser.add_argument("--label", action="append", default=[], help="LABEL=VERSION")
    parser.add_argument("--port", type=int, default=0, help="of gRPC; by default a free one")
    parser.add_argument("--rest_api_port", type=int, default=0)
    given = parser.parse_args()
    labels = {label: int(version) for label, version in (pair.split("=") for pair in given.label)}
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ports = given.port, given.rest_api_port
    with StandInServer(given.directory, given.name, labels, ports) as server:
        print(f"gRPC {server.grpc_address} REST {server.rest_address}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
