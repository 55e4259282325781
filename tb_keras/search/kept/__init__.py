"""The parts of an index that is kept in a directory: items, embeddings, filters."""
