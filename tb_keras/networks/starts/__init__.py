"""Where a branch starts: fixed maps from raw features to the embedding space."""
