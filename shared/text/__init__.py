"""Text handling: masks and fingerprints (`clean`), authors as hashes (`identity`), parses (`parse`), tables' headers (`header`)."""
