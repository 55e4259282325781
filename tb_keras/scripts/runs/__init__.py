"""The directory of a training run: its settings, data, encoders and networks."""
