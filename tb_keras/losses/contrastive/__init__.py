"""Contrastive losses with any number of positives for each anchor."""
