"""Embeddings of collections of any size, by an exported model in an Apache Beam pipeline."""
