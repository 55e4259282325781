"""Figures of phrase localization."""
