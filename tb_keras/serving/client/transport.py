"""What every protocol has: the model that a request names, the answer, and the error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

# Seconds before another attempt, doubled each time. gRPC adds its jitter; urllib3 makes the first
# one at once.
FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 2.0


class Servable(NamedTuple):
    """A model on a server: its newest version, a given version, or the version of a label.

    Attributes:
        name: the model's name on the server.
        version: the version's number, or None.
        label: a label such as "stable", or None; ignored if there is a version.
    """

    name: str
    version: int | None = None
    label: str | None = None


class Answer(NamedTuple):
    """A server's answer to one request.

    Attributes:
        outputs: arrays `(n, ...)` by name; strings are an object array of str.
        version: the model version that answered; None over REST, which does not say.
    """

    outputs: Mapping[str, np.ndarray]
    version: int | None


class ServingError(RuntimeError):
    """A request that failed, with the server's own words.

    Args:
        code: the name of a gRPC status, such as "INVALID_ARGUMENT" or "UNAVAILABLE"; over REST,
            the one that stands for the HTTP status.
        message: which request failed, where it was sent, and what the server said.

    Examples:
        >>> error = ServingError("NOT_FOUND", "Servable not found for request: Latest(cats)")
        >>> error.code, str(error)
        ('NOT_FOUND', 'NOT_FOUND: Servable not found for request: Latest(cats)')
    """

    def __init__(self, code: str, message: str):
        super().__init__(code, message)  # both, so that it can be pickled
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Transport(Protocol):
    """A protocol, as `Client` uses it.

    Every method raises a `ServingError` if the server refuses or cannot be reached.
    """

    address: str

    def predict(
        self,
        servable: Servable,
        signature: str,
        inputs: Mapping[str, Sequence[bytes] | Sequence[int]],
        outputs: Sequence[str],
    ) -> Answer:
        """Sends one batch; ints travel as int32."""

    def output_width(self, servable: Servable, signature: str, output: str) -> int:
        """Returns the last dimension of an output, as the model's signature says."""

    def versions(self, name: str) -> dict[int, str]:
        """Returns the states of a model's versions, number → state."""

    def close(self) -> None:
        """Closes the connections."""
