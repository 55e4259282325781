"""Raw strings to features, inside the graph."""
