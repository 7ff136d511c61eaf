"""Text handling: masking, model text, language, parses. Pure functions."""
