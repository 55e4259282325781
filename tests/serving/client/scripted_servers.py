"""Servers without a model, that fail as they are told to and count what arrives."""

import contextlib
import http.server
import json
import threading
from concurrent import futures

import grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

HTTP_STATUSES = {"UNAVAILABLE": 503, "INVALID_ARGUMENT": 400, "RESOURCE_EXHAUSTED": 429}


class Script:
    """What a server does: fails once for each code, then answers zeros, `(n, 2)`.

    Attributes:
        codes: names of gRPC statuses, of one request each.
        late: an event that answers wait for.
        versions: that answer one after the other, where the request names none; the last one stays.
        requests: of each, how many rows it had and the version it named, 0 for none.
    """

    def __init__(self, codes=(), versions=(1,)):
        self.codes, self.versions = list(codes), list(versions)
        self.late = threading.Event()
        self.late.set()
        self.requests = []

    def step(self, rows, version=0):
        """The code to fail with, or None."""
        self.requests.append((rows, version))
        self.late.wait(60)
        return self.codes.pop(0) if self.codes else None

    def version(self):
        return self.versions.pop(0) if len(self.versions) > 1 else self.versions[0]


class _Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, script):
        self._script = script

    def Predict(self, request, context):
        (given,) = request.inputs.values()
        asked = request.model_spec.version.value
        rows = given.tensor_shape.dim[0].size
        code = self._script.step(rows, asked)
        if code:
            context.abort(grpc.StatusCode[code], "as told")
        response = predict_pb2.PredictResponse()
        response.model_spec.version.value = version = asked or self._script.version()
        embedding = response.outputs["embedding"]
        embedding.dtype = 1
        embedding.float_val.extend([version] * rows * 2)
        for size in (rows, 2):
            embedding.tensor_shape.dim.add(size=size)
        return response


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        (given,) = body["inputs"].values()
        code = self.server.script.step(len(given))
        answer = {"error": "as told"} if code else {"outputs": [[1.0, 1.0]] * len(given)}
        content = json.dumps(answer).encode()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it did not wait
            self.send_response(HTTP_STATUSES[code] if code else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def scripted(protocol, script):
    """Serves a script on the loopback; yields "127.0.0.1:port"."""
    if protocol == "grpc":
        options = [("grpc.max_receive_message_length", -1)]
        server = grpc.server(futures.ThreadPoolExecutor(2), options=options)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _Service(script), server
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait()
    else:
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
            server.script, server.daemon_threads = script, True
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield f"127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()
