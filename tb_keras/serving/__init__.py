"""Trained networks as SavedModels."""

from tb_keras.serving.export import export as export
from tb_keras.serving.export import latest_version as latest_version
from tb_keras.serving.exported_localizer import ExportedLocalizer as ExportedLocalizer
from tb_keras.serving.exported_model import ExportedModel as ExportedModel
from tb_keras.serving.exported_network import ExportedNetwork as ExportedNetwork
