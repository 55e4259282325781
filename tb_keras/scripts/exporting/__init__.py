"""The parts of tb-export."""
