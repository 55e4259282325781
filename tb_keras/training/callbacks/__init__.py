"""Keras callbacks that measure, save and resume a training."""
