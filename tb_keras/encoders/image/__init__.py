"""Encoded pictures to features, inside the graph."""
