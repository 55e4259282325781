"""Files written whole, memory-mapped rows, and the cache directory."""
