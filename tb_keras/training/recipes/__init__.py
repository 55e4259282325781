"""Named sets of training settings, and what they build."""
