"""One request to a server of SavedModels: of what it asks, its answer, its failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

# Seconds before another attempt, doubled each time, by gRPC (with its jitter) and by urllib3 (whose
# first comes at once).
FIRST_BACKOFF = 0.1
LONGEST_BACKOFF = 2.0


class Servable(NamedTuple):
    """What a server is asked for: a model by name, one version of it, or what a label names.

    Attributes:
        name: the model's name on the server.
        version: its number, or None for the newest.
        label: such as "stable", or None. With a version, of no account.
    """

    name: str
    version: int | None = None
    label: str | None = None


class Answer(NamedTuple):
    """What a server answered.

    Attributes:
        outputs: arrays by name, `(n, …)`; strings as an object array of str.
        version: of the model that answered; None over REST, which does not say.
    """

    outputs: Mapping[str, np.ndarray]
    version: int | None


class ServingError(RuntimeError):
    """A request that failed, with the server's own words.

    Args:
        code: the name of a gRPC status, such as "INVALID_ARGUMENT" or "UNAVAILABLE"; over REST,
            the one that stands for the HTTP status.
        message: what was asked of whom, and what the server said.

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
    """What `tb_keras.serving.client.client.Client` needs of a protocol.

    Every method raises a `ServingError` when the server refuses or cannot be reached.
    """

    address: str

    def predict(
        self,
        servable: Servable,
        signature: str,
        inputs: Mapping[str, Sequence[bytes] | Sequence[int]],
        outputs: Sequence[str],
    ) -> Answer:
        """Asks one batch; int inputs travel as int32."""

    def output_width(self, servable: Servable, signature: str, output: str) -> int:
        """The last dimension of an output, as the model's signature says."""

    def versions(self, name: str) -> dict[int, str]:
        """The versions of a model that the server knows, number → state."""

    def close(self) -> None:
        """Closes the connections."""
