"""The two towers of a network for runtimes other than TensorFlow."""
