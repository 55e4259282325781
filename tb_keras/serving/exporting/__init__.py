"""Networks and encoders written as one SavedModel."""
