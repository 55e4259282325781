"""The file that names the models of a server, and which versions are stable and canary."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tb_keras.storage.atomic_file import written_beside

if TYPE_CHECKING:
    from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

CONFIG_FILE = "models.config"


def write_server_config(models_directory: str | os.PathLike, served_at: str = "/models") -> Path:
    """Writes `models_directory/models.config`, or brings it up to date after an export.

    The file is a `tensorflow.serving.ModelServerConfig`, for the flag `--model_config_file`. It
    names every model in the directory, `MODEL/VERSION/saved_model.pb`, with two labels that
    requests can ask for:

    - `canary`: the latest version;
    - `stable`: the latest version of a model that is new in the file. Later exports leave the label
      where it is, until `promote` or an operator moves it, or its version is gone.

    The server loads every version in the directory (policy `all`); to unload one, move it away. The
    rest of the file is kept: other models and labels, paths, logging, another version policy. Under
    the policy `specific`, `canary` is the latest of the versions that it lists. Comments are lost.

    Args:
        models_directory: a directory of models, such as `savedmodels`.
        served_at: where the server sees that directory. A model that the file already has at
            another path stays as it is.

    Returns:
        The path of the file, which is replaced as a whole.

    Raises:
        FileNotFoundError: if there is no such directory.
        ImportError: if tensorflow-serving-api is not installed.
        ValueError: if there is a file that is not a `ModelServerConfig` with a list of models; it
            stays as it is.
    """
    directory = Path(models_directory)
    if not directory.is_dir():
        raise FileNotFoundError(
            f"`models_directory` must be a directory of models. Received: {str(directory)!r}"
        )
    config = _read(directory / CONFIG_FILE)
    models = config.model_config_list.config
    configured = {model.name: model for model in models}
    for path in sorted(directory.iterdir()):
        versions = _versions(path)
        base_path = f"{served_at.rstrip('/')}/{path.name}"
        if not versions:
            continue
        if path.name not in configured:
            model = models.add(name=path.name, base_path=base_path, model_platform="tensorflow")
        elif configured[path.name].base_path.rstrip("/") == base_path:
            model = configured[path.name]
        else:
            continue
        _label(model, versions)
    return _write(config, directory / CONFIG_FILE)


def promote(models_directory: str | os.PathLike, model: str) -> int:
    """Moves a model's label `stable` to the version that is `canary`, in `models.config`.

    Args:
        models_directory: a directory of models with the file of `write_server_config`.
        model: the model's name.

    Returns:
        The version that is now stable.

    Raises:
        FileNotFoundError: if there is no `models.config`.
        ImportError: if tensorflow-serving-api is not installed.
        ValueError: if the file is not a `ModelServerConfig`, or has no such model, or the model
            has no label `canary`.
    """
    file = Path(models_directory) / CONFIG_FILE
    if not file.is_file():
        raise FileNotFoundError(
            f"`models_directory` must hold {CONFIG_FILE}, which tb-export writes. "
            f"Received: {str(models_directory)!r}"
        )
    config = _read(file)
    labels = {m.name: m.version_labels for m in config.model_config_list.config}
    if "canary" not in labels.get(model, ()):
        known = sorted(name for name in labels if "canary" in labels[name])
        raise ValueError(
            f"`model` must be one that {str(file)!r} has with the label canary: {known}. "
            f"Received: {model!r}"
        )
    labels[model]["stable"] = labels[model]["canary"]
    _write(config, file)
    return labels[model]["stable"]


def _label(model: ModelConfig, versions: set[int]) -> None:
    policy = model.model_version_policy
    if policy.WhichOneof("policy_choice") is None:
        # No policy means the latest version alone. `specific` would lock the server up: it refuses
        # a file whose labels move to a version that is not loaded yet, and so never loads it.
        policy.all.SetInParent()
    loaded = versions
    if policy.HasField("specific"):
        loaded = versions & set(policy.specific.versions)
    if not loaded:
        return
    labels = model.version_labels
    labels["canary"] = max(loaded)
    if "stable" not in labels or labels["stable"] not in versions:
        labels["stable"] = labels["canary"]


def _versions(directory: Path) -> set[int]:
    if directory.name.startswith(".") or not directory.is_dir():
        return set()
    names = [path.parent.name for path in directory.glob("*/saved_model.pb")]
    return {int(name) for name in names if name.isascii() and name.isdecimal()}


def _read(file: Path) -> ModelServerConfig:
    try:
        from google.protobuf import text_format
        from tensorflow_serving.config import model_server_config_pb2
    except ImportError as error:
        raise ImportError(
            f'{CONFIG_FILE} needs tensorflow-serving-api: pip install "tb_keras[serving]"'
        ) from error
    config = model_server_config_pb2.ModelServerConfig()
    if file.is_file():
        try:
            text_format.Parse(file.read_text(encoding="utf-8"), config)
        except (text_format.ParseError, UnicodeDecodeError) as error:
            raise ValueError(f"{str(file)!r} must be a ModelServerConfig: {error}") from error
        if config.WhichOneof("config") == "custom_model_config":
            raise ValueError(
                f"{str(file)!r} must have a model_config_list. Received: a custom_model_config"
            )
    return config


def _write(config: ModelServerConfig, file: Path) -> Path:
    from google.protobuf import text_format

    with written_beside(file) as beside:
        beside.write_text(text_format.MessageToString(config, as_utf8=True), encoding="utf-8")
    return file
