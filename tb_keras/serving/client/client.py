"""A client of a server that serves an exported model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.serving.client.inputs import Picture, content, picture_items, text_items
from tb_keras.serving.client.transport import Answer, Servable, ServingError, Transport

if TYPE_CHECKING:
    import grpc

_DEFAULT_ADDRESSES = {"grpc": "localhost:8500", "rest": "localhost:8501"}
_MAX_ATTEMPTS = 5  # gRPC makes no more, whatever its policy says


class Client:
    """A client of TensorFlow Serving, for models that `tb_keras.serving.export` wrote.

    Sequences of any length are sent in batches, one after the other. If the server is UNAVAILABLE
    (not there, starting or shutting down), a request is sent again after about 0.1, 0.2, 0.4 and
    0.8 s (over REST at once, then after 0.2, 0.4 and 0.8 s), `attempts` times in all. Every other
    failure is raised at once as a `ServingError`, with the server's own words.

    Over gRPC, all rows of an answer come from one version of the model: if the server switches in
    the middle of a sequence, the batches that the older version answered are sent again. REST does
    not say which version answered; give `version` where that matters.

    A bad item fails its batch, and the error says where in the batch it is. A server that joins the
    requests of several clients counts positions in the joined batch, and fails all of them.

    Threads may share a client over gRPC; over REST each thread needs one of its own. Both need
    `pip install "tb_keras[serving]"`. The official gRPC stubs import TensorFlow, as this package
    does, which takes seconds; where that counts, post to the REST API directly.

    Args:
        model: the model's name on the server.
        address: "host:port"; for REST also a URL with http:// or https://. By default
            "localhost:8500" over gRPC and "localhost:8501" over REST.
        protocol: "grpc" or "rest". Over REST pictures travel a third larger, as base64, and
            embeddings several times larger, as decimal digits.
        version: the version to ask; by default the newest.
        label: a label, such as "stable", which the server's configuration gives to one version;
            that version is asked.
        timeout: the deadline of one request, in seconds. Over gRPC it includes all attempts; over
            REST it is how long to wait for a connection, and again for an answer.
        attempts: how often a request is sent while the server is UNAVAILABLE, 1 to 5.
        batch_size: rows of a request.
        credentials: `grpc.ChannelCredentials` for TLS; by default plain text.

    Raises:
        ImportError: if the protocol's package is not installed.
        ValueError: if an argument is out of its range.

    Examples:
        >>> with Client("emoji", "localhost:8500") as client:
        ...     client.embed_texts("a dog")
        Traceback (most recent call last):
        ValueError: `texts` must be a sequence of strings. Received: 'a dog'
    """

    def __init__(
        self,
        model: str,
        address: str | None = None,
        *,
        protocol: str = "grpc",
        version: int | None = None,
        label: str | None = None,
        timeout: float = 10.0,
        attempts: int = _MAX_ATTEMPTS,
        batch_size: int = 32,
        credentials: grpc.ChannelCredentials | None = None,
    ):
        if protocol not in _DEFAULT_ADDRESSES:
            raise ValueError(f'`protocol` must be "grpc" or "rest". Received: {protocol!r}')
        if not isinstance(model, str) or not model:
            raise ValueError(f"`model` must be the name of a model. Received: model={model!r}")
        if version is not None and label is not None:
            raise ValueError(
                "`version` and `label` must not both be given. "
                f"Received: version={version}, label={label!r}"
            )
        if version is not None:
            check_int("version", version, least=0)
        if not timeout > 0:
            raise ValueError(f"`timeout` must be positive. Received: timeout={timeout}")
        check_int("attempts", attempts, least=1)
        if attempts > _MAX_ATTEMPTS:
            raise ValueError(
                f"`attempts` must be at most {_MAX_ATTEMPTS}. Received: attempts={attempts}"
            )
        check_int("batch_size", batch_size, least=1)
        address = _DEFAULT_ADDRESSES[protocol] if address is None else address
        self._servable = Servable(model, version, label)
        self._batch_size = batch_size
        self._transport = _transport(protocol, address, timeout, attempts, credentials)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; after that the client cannot be used."""
        self._transport.close()

    def embed_images(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Embeds pictures.

        Args:
            pictures: n paths or other references, or contents: PNG, JPEG, GIF or BMP, or with
                Pillow WebP, TIFF and others, which are made to PNG before they are sent.

        Returns:
            float32 `(n, dim)`. For an empty sequence the server is asked only for `dim`.

        Raises:
            FileNotFoundError: if a file is missing; nothing is sent then.
            ServingError: if the server refuses or cannot be reached.
            ValueError: if `pictures` is not a sequence, an item is neither a path nor bytes, or a
                picture in another format is damaged.
        """
        return self._embed("embed_image", "image_bytes", "pictures", picture_items(pictures))

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embeds strings.

        Args:
            texts: n strings.

        Returns:
            float32 `(n, dim)`. For an empty sequence the server is asked only for `dim`.

        Raises:
            ServingError: if the server refuses or cannot be reached.
            ValueError: if `texts` is not a sequence of strings.
        """
        return self._embed("embed_text", "text", "texts", text_items(texts))

    def similarity(self, pictures: Sequence[Picture], texts: Sequence[str]) -> np.ndarray:
        """Scores pairs: each picture with the text at the same position.

        Args:
            pictures: n, as `embed_images` takes them.
            texts: n strings.

        Returns:
            float32 `(n,)`, higher where picture and text fit better.

        Raises:
            FileNotFoundError: if a file is missing; nothing is sent then.
            ServingError: if the server refuses or cannot be reached.
            ValueError: if there are not as many pictures as texts, or if one of them is not as
                `embed_images` or `embed_texts` takes it.
        """
        columns: dict[str, list]
        columns = {"image_bytes": picture_items(pictures), "text": text_items(texts)}
        if len(columns["image_bytes"]) != len(columns["text"]):
            raise ValueError(
                "`pictures` and `texts` must be of one length. Received: "
                f"len(pictures)={len(columns['image_bytes'])}, len(texts)={len(columns['text'])}"
            )
        answers = self._ask_in_batches("similarity", columns, ["score"], "pictures")
        return np.concatenate([np.zeros(0, np.float32), *(a.outputs["score"] for a in answers)])

    def search(self, texts: Sequence[str], k: int = 10) -> tuple[list[list[str]], list[np.ndarray]]:
        """Finds pictures for texts among those that the model was exported with.

        Args:
            texts: n strings.
            k: how many pictures to find for each text, at most 1,000; all if there are fewer.

        Returns:
            `(ids, scores)`, best first: n lists of ids, and n float32 arrays of as many scores.

        Raises:
            ServingError: if the server refuses or cannot be reached. The code is
                FAILED_PRECONDITION (over REST INVALID_ARGUMENT) if the model was exported without
                pictures to search.
            ValueError: if `texts` is not a sequence of strings, or `k` is not a positive int.
        """
        return self._search("search", "text", "texts", text_items(texts), k)

    def search_texts(
        self, pictures: Sequence[Picture], k: int = 10
    ) -> tuple[list[list[str]], list[np.ndarray]]:
        """Finds texts for pictures among those that the model was exported with, like `search`.

        Args:
            pictures: n, as `embed_images` takes them.
            k: how many texts to find for each picture, at most 1,000; all if there are fewer.
        """
        return self._search("search_texts", "image_bytes", "pictures", picture_items(pictures), k)

    def versions(self) -> dict[int, str]:
        """Returns the states of the model's versions, number → state.

        A version answers if it is "AVAILABLE"; it may also be in state "START", "LOADING",
        "UNLOADING" or "END".

        Raises:
            ServingError: NOT_FOUND if there is no such model.
        """
        name = self._servable.name
        return self._call(f"versions of model {name!r}", self._transport.versions, name)

    def _embed(self, signature: str, name: str, argument: str, column: list) -> np.ndarray:
        if not column:
            width = self._call(
                self._asked(signature),
                self._transport.output_width,
                self._servable,
                signature,
                "embedding",
            )
            return np.zeros((0, width), np.float32)
        answers = self._ask_in_batches(signature, {name: column}, ["embedding"], argument)
        return np.concatenate([answer.outputs["embedding"] for answer in answers])

    def _search(self, signature: str, name: str, argument: str, column: list, k: int):
        check_int("k", k, least=1)
        columns = {name: column, "k": [int(k)] * len(column)}
        answers = self._ask_in_batches(signature, columns, ["id", "score"], argument)
        ids, scores = [], []
        for answer in answers:
            for found, fit in zip(answer.outputs["id"].tolist(), answer.outputs["score"]):
                # A server that joined this request with one of a larger k adds "".
                ids.append([name for name in found if name])
                scores.append(fit[: len(ids[-1])])
        return ids, scores

    def _ask_in_batches(
        self, signature: str, columns: dict[str, list], outputs: list[str], argument: str
    ) -> list[Answer]:
        rows = len(next(iter(columns.values())))

        def ask(start: int, servable: Servable) -> Answer:
            stop = start + self._batch_size
            batch = {
                name: [content(item) for item in column[start:stop]]
                for name, column in columns.items()
            }
            where = self._asked(signature)
            if rows > self._batch_size:
                where += (
                    f", in the batch that starts at `{argument}[{start}]` (positions count from "
                    "there)"
                )
            predict = self._transport.predict
            return self._call(where, predict, servable, signature, batch, outputs)

        starts = range(0, rows, self._batch_size)
        answers = [ask(start, self._servable) for start in starts]
        newest = answers[-1].version if answers else None
        pinned = self._servable._replace(version=newest)
        return [
            answer if answer.version == newest else ask(start, pinned)
            for start, answer in zip(starts, answers)
        ]

    def _asked(self, signature: str) -> str:
        name, version, label = self._servable
        pin = f" version {version}" if version is not None else ""
        pin = f" label {label!r}" if label is not None else pin
        return f"signature {signature!r} of model {name!r}{pin}"

    def _call(self, where: str, method: Callable, *arguments):
        """Calls a method; a `ServingError` then says which request failed, and where."""
        try:
            return method(*arguments)
        except ServingError as error:
            message = f"{where} at {self._transport.address}: {error.message}"
            raise ServingError(error.code, message) from error


def _transport(protocol, address, timeout, attempts, credentials) -> Transport:
    if protocol == "rest":
        from tb_keras.serving.client.rest_transport import RestTransport

        if credentials is not None:
            raise ValueError('`credentials` are for protocol="grpc"; over REST give https://.')
        return RestTransport(address, timeout, attempts)
    from tb_keras.serving.client.grpc_transport import GrpcTransport

    if address.startswith(("http://", "https://")):
        raise ValueError(f'`address` must be "host:port" over gRPC. Received: {address!r}')
    return GrpcTransport(address, timeout, attempts, credentials)
