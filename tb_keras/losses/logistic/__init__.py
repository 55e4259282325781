"""Logistic regression on pairs, for the similarity network."""
