"""Brings public posts to Kafka: sources, masking, delivery with an account of every record, topics, dead letters.

In the order of the data: a source (`replay`, later the networks) yields raw posts and rejects; `accept` makes a post of a
raw one or says why not; `publish` delivers both and counts acknowledgements. `dead_letters` works off what was refused.
"""
