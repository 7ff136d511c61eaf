"""Back-test: the posts of files through the whole product in one process, without a server.

Like the command itself it stands above the services: posts are read by ingest, decided by the pipeline's own handler with the
models in this process (`pipeline`), kept as the topics would keep them (`kept`), and counted and held against the rules by the
pure functions that alerting shares (`evaluation`).
"""
