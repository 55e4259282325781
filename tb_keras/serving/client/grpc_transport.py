"""Requests over gRPC, by the official stubs of TensorFlow Serving."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tb_keras.serving.client.transport import (
    FIRST_BACKOFF,
    LONGEST_BACKOFF,
    Answer,
    Servable,
    ServingError,
)

if TYPE_CHECKING:
    import grpc

_UNLIMITED = -1
_LARGEST = 2**31 - 1


class GrpcTransport:
    """Speaks PredictionService and ModelService; threads may share it.

    Args:
        address: "host:port", or any other target that gRPC resolves.
        timeout: the deadline of one request in seconds, with all its attempts and pauses.
        attempts: how often a request is sent, at most 5, which is gRPC's own limit.
        credentials: credentials for TLS; without them the connection is plain text.

    Raises:
        ImportError: if tensorflow-serving-api is not installed.
    """

    def __init__(
        self,
        address: str,
        timeout: float,
        attempts: int,
        credentials: grpc.ChannelCredentials | None = None,
    ):
        try:
            import grpc
            from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
        except ImportError as error:
            raise ImportError(
                '`protocol="grpc"` needs tensorflow-serving-api: pip install "tb_keras[serving]"'
            ) from error
        self.address = address
        self._timeout = timeout
        options = _channel_options(attempts)
        if credentials is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, credentials, options)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._model = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(
        self,
        servable: Servable,
        signature: str,
        inputs: Mapping[str, Sequence[bytes] | Sequence[int]],
        outputs: Sequence[str],
    ) -> Answer:
        """Sends one batch; ints travel as int32."""
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest(output_filter=outputs)
        _specify(request.model_spec, servable, signature)
        for name, values in inputs.items():
            request.inputs[name].CopyFrom(_tensor_proto(values))
        response = self._call(self._prediction.Predict, request)
        return Answer(
            {name: _array(response.outputs[name]) for name in outputs},
            response.model_spec.version.value,
        )

    def output_width(self, servable: Servable, signature: str, output: str) -> int:
        """Returns the last dimension of an output, as the model's signature says."""
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        _specify(request.model_spec, servable)
        response = self._call(self._prediction.GetModelMetadata, request)
        found = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(found)
        if signature not in found.signature_def:
            raise ServingError("FAILED_PRECONDITION", f'The model has no signature "{signature}".')
        return found.signature_def[signature].outputs[output].tensor_shape.dim[-1].size

    def versions(self, name: str) -> dict[int, str]:
        """Returns the states of a model's versions, number → state."""
        from tensorflow_serving.apis import get_model_status_pb2

        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = name
        states = get_model_status_pb2.ModelVersionStatus.State
        return {
            status.version: states.Name(status.state)
            for status in self._call(self._model.GetModelStatus, request).model_version_status
        }

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def _call(self, method, request):
        import grpc

        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise ServingError(error.code().name, error.details()) from error


def _channel_options(attempts: int) -> list[tuple[str, int | str]]:
    """Returns options for messages of any size, and for retries while a server is UNAVAILABLE."""
    policy = {
        "maxAttempts": attempts,
        "initialBackoff": f"{FIRST_BACKOFF}s",
        "maxBackoff": f"{LONGEST_BACKOFF}s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    every_method = {"name": [{}], "retryPolicy": policy}
    options: list[tuple[str, int | str]] = [
        ("grpc.max_send_message_length", _UNLIMITED),
        ("grpc.max_receive_message_length", _UNLIMITED),
        # A larger request is sent only once, whatever the policy. The default of 256 KiB is less
        # than a few pictures.
        ("grpc.per_rpc_retry_buffer_size", _LARGEST),
    ]
    if attempts == 1:  # a policy needs at least two
        return [*options, ("grpc.enable_retries", 0)]
    return [*options, ("grpc.service_config", json.dumps({"methodConfig": [every_method]}))]


def _specify(model_spec, servable: Servable, signature: str = "") -> None:
    model_spec.name = servable.name
    model_spec.signature_name = signature
    if servable.version is not None:
        model_spec.version.value = servable.version
    elif servable.label is not None:
        model_spec.version_label = servable.label


def _tensor_proto(values: Sequence[bytes] | Sequence[int]):
    # Not tf.make_tensor_proto: it copies every picture, and guesses the dtype.
    from tensorflow.core.framework import tensor_pb2, types_pb2

    if isinstance(values[0], bytes):
        proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=values)
    else:
        proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_INT32, int_val=values)
    proto.tensor_shape.dim.add(size=len(values))
    return proto


def _array(proto) -> np.ndarray:
    import tensorflow as tf

    array = tf.make_ndarray(proto)
    if array.dtype != object:
        return array
    texts = [value.decode("utf-8", "replace") for value in array.ravel()]
    return np.array(texts, object).reshape(array.shape)
