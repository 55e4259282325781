"""Fisher vectors of word vectors, and the mixtures behind them."""
