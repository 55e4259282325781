"""Synthetic scenes laid out of OpenMoji drawings, with phrases and exact boxes."""
