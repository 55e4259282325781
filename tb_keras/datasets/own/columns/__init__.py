"""The columns of your own tables: their usual names, which one holds what, and their values."""
