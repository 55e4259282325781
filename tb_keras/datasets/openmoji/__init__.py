"""OpenMoji drawings with their English names and keywords."""
