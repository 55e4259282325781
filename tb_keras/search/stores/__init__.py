"""Where an index keeps its vectors: one interface, and a file for each library behind it."""
