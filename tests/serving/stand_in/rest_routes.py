"""The REST routes of a model server over loaded versions."""

import base64
import http.server
import json
import re

import numpy as np
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow_serving.apis import get_model_metadata_pb2

from tests.serving.stand_in.grpc_services import metadata, status
from tests.serving.stand_in.signature_run import INVALID_ARGUMENT, Refusal, run

STATUSES = {3: 400, 4: 504, 5: 404, 8: 429, 9: 400, 11: 400, 12: 501, 14: 503}
ROUTE = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?(:predict|/metadata)?")


def unpacked(response):
    """The metadata as REST has them."""
    found = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(found)
    spec = MessageToDict(response.model_spec, preserving_proto_field_name=True)
    found = MessageToDict(found, preserving_proto_field_name=True)
    return {"model_spec": spec, "metadata": {"signature_def": found}}


def from_json(value):
    """Nested lists with the bytes in the place of their base64 objects."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if isinstance(value, dict):
        if set(value) != {"b64"}:
            raise ValueError(f"JSON Value: {value} not formatted correctly for base64 data")
        return base64.b64decode(value["b64"], validate=True)
    return value


def to_json(name, array):
    if array.dtype != object:
        return array.tolist()
    as_bytes = name.endswith("_bytes")
    texts = [
        {"b64": base64.b64encode(v).decode()} if as_bytes else v.decode() for v in array.ravel()
    ]
    return np.array(texts, object).reshape(array.shape).tolist()


class RestHandler(http.server.BaseHTTPRequestHandler):
    """The REST routes over the `versions` of its server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two packets

    def do_GET(self):
        self._answer(self._get)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(lambda *spec: self._predict(body, *spec))

    def _get(self, method, *spec):
        if method == ":predict":
            raise Refusal(INVALID_ARGUMENT, f"Malformed request: GET {self.path}")
        if method == "/metadata":
            return unpacked(metadata(self.server.versions, *spec))
        found = status(self.server.versions.status(*spec[:2]))
        return MessageToDict(
            found, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )

    def _predict(self, body, method, *spec):
        if method != ":predict":
            raise Refusal(INVALID_ARGUMENT, f"Malformed request: POST {self.path}")
        _, model, definitions = self.server.versions.pick(*spec)
        try:
            request = json.loads(body)
            sent = request["inputs"]
            name = request.get("signature_name", "serving_default")
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(INVALID_ARGUMENT, f"JSON Parse error: {error}") from error
        if name not in definitions:
            message = f'Serving signature name: "{name}" not found in signature def'
            raise Refusal(INVALID_ARGUMENT, message)
        inputs = {}
        for key, info in definitions[name].inputs.items():
            if key not in sent:
                message = f"Missing named input: {key} in 'inputs' object."
                raise Refusal(INVALID_ARGUMENT, message)
            try:
                inputs[key] = tf.constant(from_json(sent[key]), info.dtype)
            except (TypeError, ValueError) as error:
                raise Refusal(INVALID_ARGUMENT, str(error)) from error
        arrays = run(model.signatures[name], definitions[name], inputs, [])
        outputs = {key: to_json(key, array) for key, array in arrays.items()}
        return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}

    def _answer(self, method):
        found = ROUTE.fullmatch(self.path)
        try:
            if found is None:
                message = f"Malformed request: {self.command} {self.path}"
                raise Refusal(INVALID_ARGUMENT, message)
            name, version, label, what = found.groups()
            code = 200
            answer = method(what, name, None if version is None else int(version), label or "")
        except Refusal as error:
            code, answer = STATUSES.get(error.code, 500), {"error": str(error)}
        content = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass
