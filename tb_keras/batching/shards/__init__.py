"""Features and matches in sharded files, and batches from them."""
