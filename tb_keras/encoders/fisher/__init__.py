"""Fisher vectors of word vectors, and the mixtures that they are taken from."""
