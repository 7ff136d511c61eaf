"""The pipeline's steps in the order of the data: screen, classify, extract, attribute, normalise. No Kafka, no server."""
