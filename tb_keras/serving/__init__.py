"""Trained networks as SavedModels, and a client of the server that serves them."""

from tb_keras.serving.client.client import Client
from tb_keras.serving.client.transport import ServingError
from tb_keras.serving.exported.localizer import ExportedLocalizer
from tb_keras.serving.exported.model import ExportedModel
from tb_keras.serving.exported.network import ExportedNetwork
from tb_keras.serving.exporting.export import export, latest_version

__all__ = [
    "Client",
    "ExportedLocalizer",
    "ExportedModel",
    "ExportedNetwork",
    "ServingError",
    "export",
    "latest_version",
]


def __dir__() -> list[str]:
    return __all__
