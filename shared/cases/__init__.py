"""Individual cases: one post or thread about one patient, as a person assesses it. Pure."""
