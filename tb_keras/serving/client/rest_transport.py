"""Requests over REST, in the format of TensorFlow Serving's predict API."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from tb_keras.serving.client.transport import (
    FIRST_BACKOFF,
    LONGEST_BACKOFF,
    Answer,
    Servable,
    ServingError,
)

# The gRPC status that the server turned into an HTTP status; of several, the likeliest one.
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_MAX_CHARACTERS = 500  # of an answer that is not JSON, such as a proxy's page


class RestTransport:
    """Speaks JSON over HTTP; each thread needs one of its own.

    Args:
        address: "host:port", or a URL that begins with http:// or https://.
        timeout: seconds to wait for a connection, and again for an answer.
        attempts: how often a request is sent.

    Raises:
        ImportError: if requests is not installed.
    """

    def __init__(self, address: str, timeout: float, attempts: int):
        try:
            import requests
        except ImportError as error:
            raise ImportError(
                '`protocol="rest"` needs requests: pip install "tb_keras[serving]"'
            ) from error
        self.address = (address if "://" in address else f"http://{address}").rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(max_retries=_retries(attempts))
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def predict(
        self,
        servable: Servable,
        signature: str,
        inputs: Mapping[str, Sequence[bytes] | Sequence[int]],
        outputs: Sequence[str],
    ) -> Answer:
        """Sends one batch."""
        body = {
            "signature_name": signature,
            "inputs": {name: [_json(value) for value in values] for name, values in inputs.items()},
        }
        answer = self._call("POST", f"{_path(servable)}:predict", "outputs", json.dumps(body))
        # A model with one output answers without its name.
        named = answer if isinstance(answer, dict) else {outputs[0]: answer}
        missing = [name for name in outputs if name not in named]
        if missing:
            raise ServingError("INVALID_ARGUMENT", f"The answer has no output {missing}.")
        return Answer({name: _array(named[name]) for name in outputs}, None)

    def output_width(self, servable: Servable, signature: str, output: str) -> int:
        """Returns the last dimension of an output, as the model's signature says."""
        metadata = self._call("GET", f"{_path(servable)}/metadata", "metadata")
        found = metadata["signature_def"]["signature_def"]
        if signature not in found:
            raise ServingError("FAILED_PRECONDITION", f'The model has no signature "{signature}".')
        return int(found[signature]["outputs"][output]["tensor_shape"]["dim"][-1]["size"])

    def versions(self, name: str) -> dict[int, str]:
        """Returns the states of a model's versions, number → state."""
        found = self._call("GET", _path(Servable(name)), "model_version_status")
        return {int(status["version"]): status["state"] for status in found}

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def _call(self, method: str, path: str, key: str, body: str | None = None) -> Any:
        """Returns what a successful answer has under a key."""
        import requests
        import urllib3

        try:
            response = self._session.request(
                method,
                self.address + path,
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=self._timeout,
                allow_redirects=False,  # a redirected request loses its body
            )
        except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise ServingError("DEADLINE_EXCEEDED", str(error)) from error
        except requests.RequestException as error:
            raise ServingError("UNAVAILABLE", str(error)) from error
        try:
            answer = response.json()
        except requests.JSONDecodeError:
            answer = None
        answer = answer if isinstance(answer, dict) else {}
        if response.status_code == 200 and key in answer:
            return answer[key]
        words = answer.get("error") or response.text[:_MAX_CHARACTERS] or response.reason
        code = _CODES.get(response.status_code, "UNKNOWN")
        raise ServingError(code, f"{words} (HTTP {response.status_code})")


def _retries(attempts: int):
    """Repeats requests that are UNAVAILABLE, but none that took too long, as gRPC does."""
    import urllib3

    class Retries(urllib3.Retry):
        def increment(self, method=None, url=None, response=None, error=None, *rest, **named):
            late = isinstance(error, urllib3.exceptions.TimeoutError)
            # urllib3 takes a refused connection for a kind of timeout.
            if late and not isinstance(error, urllib3.exceptions.NewConnectionError):
                raise error
            return super().increment(method, url, response, error, *rest, **named)

    return Retries(
        total=attempts - 1,
        status_forcelist=[503],
        allowed_methods=None,  # all of them: no request changes anything on the server
        backoff_factor=FIRST_BACKOFF,
        backoff_max=LONGEST_BACKOFF,
        raise_on_status=False,
        respect_retry_after_header=False,
    )


def _path(servable: Servable) -> str:
    path = f"/v1/models/{quote(servable.name, safe='')}"
    if servable.version is not None:
        return f"{path}/versions/{servable.version}"
    if servable.label is not None:
        return f"{path}/labels/{quote(servable.label, safe='')}"
    return path


def _json(value: bytes | int) -> dict[str, str] | int:
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _array(values: list) -> np.ndarray:
    array = np.array(values)
    # Not NumPy's own strings: they end at a NUL.
    return np.array(values, object) if array.dtype.kind == "U" else array.astype(np.float32)
