"""SavedModels opened again in this process."""
