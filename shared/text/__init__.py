"""Text handling: masks, fingerprints (`clean`), sketches (`sketch`), authors as hashes (`identity`), parses, tables' headers."""
