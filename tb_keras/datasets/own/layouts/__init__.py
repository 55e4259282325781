"""Layouts of your own pictures and texts: what a file or folder is, read as the rows of a table."""
