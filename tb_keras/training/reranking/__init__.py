"""A second stage: a network that ranks the first candidates of another again."""
