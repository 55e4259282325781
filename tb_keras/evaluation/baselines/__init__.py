"""Baselines that a network must beat: chance, ridge regression, canonical correlation analysis."""
