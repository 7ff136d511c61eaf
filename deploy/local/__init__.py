"""Runs the whole product on one Linux machine without containers: real Kafka, Redis and Triton, and the workers."""
