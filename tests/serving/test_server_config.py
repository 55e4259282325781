"""Tests of a server's configuration, by the official proto and by a model of the server's rules."""

import sys

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from tb_keras.serving.server_config import promote, write_server_config


def export(directory, model, *versions):
    """The files of an export that the configuration looks at."""
    for version in versions:
        path = directory / model / str(version)
        path.mkdir(parents=True)
        (path / "saved_model.pb").touch()


def parsed(directory):
    return text_format.Parse((directory / "models.config").read_text(), ModelServerConfig())


def labels(directory, model):
    (found,) = (m for m in parsed(directory).model_config_list.config if m.name == model)
    return dict(found.version_labels)


def test_a_new_file(tmp_path):
    export(tmp_path, "openmoji", 1, 2, 10)
    export(tmp_path, "scenes", 3)
    (tmp_path / "README.md").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "half" / "1").mkdir(parents=True)  # no saved_model.pb
    export(tmp_path, "names", "latest", "-1", "²")  # no versions
    export(tmp_path, ".hidden", 1)
    export(tmp_path, "openmoji", ".unfinished-11")
    assert write_server_config(tmp_path) == tmp_path / "models.config"
    openmoji, scenes = parsed(tmp_path).model_config_list.config
    assert (openmoji.name, openmoji.base_path) == ("openmoji", "/models/openmoji")
    assert openmoji.model_platform == "tensorflow"
    assert openmoji.model_version_policy.WhichOneof("policy_choice") == "all"
    assert dict(openmoji.version_labels) == {"stable": 10, "canary": 10}
    assert (scenes.name, dict(scenes.version_labels)) == ("scenes", {"stable": 3, "canary": 3})


def test_no_model_at_all(tmp_path):
    write_server_config(tmp_path)
    assert parsed(tmp_path) == ModelServerConfig()


def test_where_the_server_sees_the_models(tmp_path):
    export(tmp_path, "a", 1)
    write_server_config(tmp_path, served_at="gs://bucket/models/")
    export(tmp_path, "a", 2)
    write_server_config(tmp_path, served_at="gs://bucket/models")
    (model,) = parsed(tmp_path).model_config_list.config
    assert model.base_path == "gs://bucket/models/a"
    assert dict(model.version_labels) == {"stable": 1, "canary": 2}


def test_labels_from_export_to_promotion(tmp_path):
    export(tmp_path, "a", 1)
    write_server_config(tmp_path)
    export(tmp_path, "a", 2)
    write_server_config(tmp_path)
    assert labels(tmp_path, "a") == {"stable": 1, "canary": 2}
    before = (tmp_path / "models.config").read_bytes()
    write_server_config(tmp_path)
    assert (tmp_path / "models.config").read_bytes() == before
    assert promote(tmp_path, "a") == 2
    assert labels(tmp_path, "a") == {"stable": 2, "canary": 2}
    export(tmp_path, "a", 3)
    write_server_config(tmp_path)
    assert labels(tmp_path, "a") == {"stable": 2, "canary": 3}
    (tmp_path / "a" / "2").rename(tmp_path / "a" / ".old-2")
    write_server_config(tmp_path)
    assert labels(tmp_path, "a") == {"stable": 3, "canary": 3}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "models.config"]


HAND_WRITTEN = """
# by hand
model_config_list {
  config {
    name: "other" base_path: "s3://bucket/other" model_platform: "tensorflow"
    version_labels { key: "stable" value: 7 }
    logging_config {
      log_collector_config { type: "file" filename_prefix: "/logs/other" }
      sampling_config { sampling_rate: 0.1 }
    }
  }
  config { name: "elsewhere" base_path: "/mnt/elsewhere" model_platform: "tensorflow" }
  config {
    name: "pinned" base_path: "/models/pinned/" model_platform: "tensorflow"
    model_version_policy { specific { versions: 1 versions: 2 } }
    version_labels { key: "stable" value: 1 }
    version_labels { key: "blue" value: 2 }
    logging_config { sampling_config { sampling_rate: 0.5 } }
  }
  config { name: "plain" base_path: "/models/plain" model_platform: "tensorflow" }
  config { name: "gone" base_path: "/models/gone" model_platform: "tensorflow" }
}
"""


def test_what_an_operator_wrote_is_kept(tmp_path):
    (tmp_path / "models.config").write_text(HAND_WRITTEN)
    before = parsed(tmp_path).model_config_list.config
    export(tmp_path, "pinned", 1, 2, 3)
    export(tmp_path, "elsewhere", 4)
    export(tmp_path, "plain", 5)
    export(tmp_path, "new", 6)
    write_server_config(tmp_path)
    after = parsed(tmp_path).model_config_list.config
    assert [m.name for m in after] == ["other", "elsewhere", "pinned", "plain", "gone", "new"]
    for unchanged in (0, 1, 4):
        assert after[unchanged] == before[unchanged]
    # The latest version of the policy: the server does not load another.
    before[2].version_labels["canary"] = 2
    assert after[2] == before[2]
    # Without a policy the server would load the latest alone.
    assert after[3].model_version_policy.WhichOneof("policy_choice") == "all"
    assert promote(tmp_path, "pinned") == 2
    before[2].version_labels["stable"] = 2
    assert parsed(tmp_path).model_config_list.config[2] == before[2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"model_config_list {", "must be a ModelServerConfig"),
        (b"model_config_list { config { unheard_of: 1 } }", "unheard_of"),
        (b"\xff\xfe", "must be a ModelServerConfig"),
        (b"custom_model_config {}", "must have a model_config_list"),
    ],
)
def test_a_broken_file_is_left_alone(tmp_path, content, message):
    export(tmp_path, "a", 1)
    file = tmp_path / "models.config"
    file.write_bytes(content)
    for call in (write_server_config, lambda path: promote(path, "a")):
        with pytest.raises(ValueError, match=rf"models\.config' .*{message}|{message}") as error:
            call(tmp_path)
        assert str(file) in str(error.value)
    assert file.read_bytes() == content


def test_errors(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"`models_directory` must be a directory.*'no'"):
        write_server_config("no")
    with pytest.raises(FileNotFoundError, match=r"`models_directory` must hold models\.config"):
        promote(tmp_path, "a")
    export(tmp_path, "a", 1)
    write_server_config(tmp_path)
    with pytest.raises(ValueError, match=r"`model` must be one .*: \['a'\]. Received: 'b'"):
        promote(tmp_path, "b")
    for name in [name for name in sys.modules if name.startswith("tensorflow_serving.config")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorflow_serving.config", None)
    with pytest.raises(ImportError, match=r'pip install "tb_keras\[serving\]"'):
        write_server_config(tmp_path)


class Server:
    """What TensorFlow Serving does at a poll of the directory and at one of the file.

    As its server_core.cc and file_system_storage_path_source.cc have it, since 1.15: the labels of
    a file come before its versions, and if one is refused, nothing of the file is applied.
    """

    def __init__(self, directory):
        self.directory, self.policies, self.loaded, self.labels = directory, {}, {}, {}

    def poll_file(self):
        models = parsed(self.directory).model_config_list.config
        for model in models:
            for label, version in model.version_labels.items():
                moves = self.labels.get(model.name, {}).get(label, version) != version
                if moves and version not in self.loaded.get(model.name, ()):
                    return False
        self.labels = {model.name: dict(model.version_labels) for model in models}
        self.policies = {model.name: model.model_version_policy for model in models}
        return True

    def poll_directory(self):
        for name, policy in self.policies.items():
            found = {int(p.name) for p in (self.directory / name).iterdir() if p.name.isdecimal()}
            if policy.HasField("specific"):
                found &= set(policy.specific.versions)
            elif not policy.HasField("all"):
                found = {max(found)}
            self.loaded[name] = found

    def answers(self, model, label):
        return self.labels[model][label] in self.loaded[model]


def test_labels_move_on_a_running_server(tmp_path):
    export(tmp_path, "a", 1)
    write_server_config(tmp_path)
    server = Server(tmp_path)
    assert server.poll_file()
    server.poll_directory()
    for version in (2, 3, 4):
        export(tmp_path, "a", version)
        write_server_config(tmp_path)
        assert not server.poll_file()  # not loaded yet
        assert server.answers("a", "stable")
        assert server.answers("a", "canary")
        server.poll_directory()
        assert server.poll_file()
        assert server.labels["a"] == {"stable": 1 if version < 4 else 3, "canary": version}
        assert server.answers("a", "stable")
        assert server.answers("a", "canary")
        if version == 3:
            promote(tmp_path, "a")
            assert server.poll_file()
            assert server.labels["a"] == {"stable": 3, "canary": 3}


def test_the_labelled_versions_alone_would_lock_the_server_up(tmp_path):
    """Why the policy is not `specific`; should the server's rules change, so may this."""
    export(tmp_path, "a", 1)
    write_server_config(tmp_path)
    server = Server(tmp_path)

    def pin(*versions):
        config = parsed(tmp_path)
        config.model_config_list.config[0].model_version_policy.specific.versions[:] = versions
        (tmp_path / "models.config").write_text(text_format.MessageToString(config))

    pin(1)
    assert server.poll_file()
    export(tmp_path, "a", 2)
    pin(1, 2)
    write_server_config(tmp_path)
    assert labels(tmp_path, "a") == {"stable": 1, "canary": 2}
    for _ in range(5):
        server.poll_directory()
        assert not server.poll_file()
