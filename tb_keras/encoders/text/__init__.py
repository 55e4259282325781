"""Strings to features, inside the graph."""
