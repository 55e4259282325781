"""Encoders from the presets of keras-hub: their backbones, pictures, tokens, and pairs of both."""
