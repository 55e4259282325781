"""The loss of scores that differ from a teacher's."""
