"""Checks of what callers hand in: arguments, and rows of a batch inside the graph."""
