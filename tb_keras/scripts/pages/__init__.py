"""Web pages and cards that the scripts write."""
