"""Tables of figures that `tb-evaluate` prints."""
