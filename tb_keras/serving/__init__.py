"""Trained networks exported, opened again, and a client of their server."""

from tb_keras.serving.client.client import Client
from tb_keras.serving.client.transport import ServingError
from tb_keras.serving.exported.localizer import ExportedLocalizer
from tb_keras.serving.exported.model import ExportedModel
from tb_keras.serving.exported.network import ExportedNetwork
from tb_keras.serving.exporting.export import export, latest_version
from tb_keras.serving.exporting.warm_up import write_warm_up
from tb_keras.serving.runtimes.export_towers import export_towers
from tb_keras.serving.server_config import promote, write_server_config

__all__ = [
    "Client",
    "ExportedLocalizer",
    "ExportedModel",
    "ExportedNetwork",
    "ServingError",
    "export",
    "export_towers",
    "latest_version",
    "promote",
    "write_server_config",
    "write_warm_up",
]


def __dir__() -> list[str]:
    return __all__
