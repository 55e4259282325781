"""What tb-search looks for, and where."""
