"""Trained networks as SavedModels, and a client of the server that serves them."""

from tb_keras.serving.client import Client as Client
from tb_keras.serving.export import export as export
from tb_keras.serving.export import latest_version as latest_version
from tb_keras.serving.exported_localizer import ExportedLocalizer as ExportedLocalizer
from tb_keras.serving.exported_model import ExportedModel as ExportedModel
from tb_keras.serving.exported_network import ExportedNetwork as ExportedNetwork
from tb_keras.serving.transport import ServingError as ServingError
