"""Image files: their headers, and what TensorFlow does not decode in them."""
