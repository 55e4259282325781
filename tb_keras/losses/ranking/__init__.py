"""The bi-directional ranking loss with neighbourhood constraints."""
