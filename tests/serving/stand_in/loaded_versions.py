"""The versions in a model's directory, loaded as a model server keeps them."""

import pathlib
import threading
import time
import traceback

import tensorflow as tf
import tensorflow_text  # noqa: F401  the graphs hold its ops
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from tests.serving.stand_in.signature_run import Refusal, run

POLL, LINGER = 0.1, 2.0  # seconds


class LoadedVersions:
    """Polls a directory; keeps its newest version loaded, and those that `labels` name.

    A version that is followed by a newer one stays for `LINGER` seconds, and for the requests that
    hold it as long as they last.
    """

    def __init__(self, name, directory, labels):
        self.name, self.labels, self.states = name, labels, {}
        self._directory = pathlib.Path(directory)
        self._loaded = {}  # replaced, never changed: requests read it meanwhile
        self._followed = {}  # version → when
        self._settled, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def pick(self, name, version, label):
        """`(version, saved model, its signature definitions)` of what a request specifies."""
        if label:
            if name != self.name or label not in self.labels:
                raise Refusal(3, f"Unrecognized servable version label: {label}")
            version = self.labels[label]
        loaded = self._loaded
        if name != self.name or not loaded or version not in (None, *loaded):
            asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise Refusal(5, f"Servable not found for request: {asked}")
        version = max(loaded) if version is None else version
        return version, *loaded[version]

    def status(self, name, version):
        """Number → state."""
        found = self.states if name == self.name else {}
        if version is not None and version not in found:
            raise Refusal(5, f"Could not find version {version} of model {name}")
        if not found:
            raise Refusal(5, f"Could not find any versions of model {name}")
        return dict(found) if version is None else {version: found[version]}

    def wait(self, timeout=120):
        """Waits until the first versions are loaded."""
        if not self._settled.wait(timeout):
            raise TimeoutError(f"no version of {self.name} in {self._directory}")

    def stop(self):
        self._stopped.set()
        self._thread.join()

    def _run(self):
        self._load_and_drop()
        while not self._stopped.wait(POLL):
            self._load_and_drop()

    def _load_and_drop(self):
        there = {int(p.parent.name) for p in self._directory.glob("[0-9]*/saved_model.pb")}
        wanted = ({max(there)} | set(self.labels.values())) & there if there else set()
        for version in sorted(wanted - set(self.states)):
            self.states[version] = "LOADING"
            path = self._directory / str(version)
            try:
                model = _loaded_and_warm(path)
            except Exception:
                traceback.print_exc()
                self.states[version] = "END"
                continue
            self._loaded = {**self._loaded, version: model}
            self.states[version] = "AVAILABLE"
        if self._loaded:
            self._settled.set()
        now = time.monotonic()
        if not wanted <= set(self._loaded):  # what is to follow is not there yet
            return
        for version in set(self._loaded) - wanted:
            if now > self._followed.setdefault(version, now) + LINGER:
                self._loaded = {v: m for v, m in self._loaded.items() if v != version}
                self.states[version] = "END"


def _loaded_and_warm(path):
    """`(saved model, its signature definitions)`, after the requests that it brings to warm up."""
    content = (path / "saved_model.pb").read_bytes()
    definitions = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].signature_def
    model = tf.saved_model.load(str(path))
    warm_up = path / "assets.extra" / "tf_serving_warmup_requests"
    for record in tf.data.TFRecordDataset(str(warm_up)) if warm_up.exists() else ():
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        name = request.model_spec.signature_name
        inputs = {key: tf.constant(tf.make_ndarray(v)) for key, v in request.inputs.items()}
        run(model.signatures[name], definitions[name], inputs, [])
    return model, definitions
