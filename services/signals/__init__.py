"""Statistics on counts and reports that the user brings: every measure of disproportionality, outside the stream."""
