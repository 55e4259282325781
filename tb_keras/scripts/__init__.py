"""What the command line calls: one module of flags and a `main` for each script."""
