"""Training on several replicas, whose loss is that of the whole batch."""
