"""Posts in, mentions and outcomes out: screen, classify, extract, attribute, normalise."""
