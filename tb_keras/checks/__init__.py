"""Checks of arguments, and of the rows of a batch inside the graph."""
