"""Readers of your own tables and arrays."""
