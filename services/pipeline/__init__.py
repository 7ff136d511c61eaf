"""Posts in, mentions and outcomes out: screen, classify, extract, attribute, normalise.

`worker` reads batches of posts, `process` takes them through `steps`, and `inference` asks Triton for both models.
"""
