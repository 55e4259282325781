"""Files written whole, memory-mapped rows, and the place of the cache."""
