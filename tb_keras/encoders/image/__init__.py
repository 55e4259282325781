"""Encoded images to features, inside the graph."""
