"""Networks that are read as they are written, and the frame that keeps each of them going."""
