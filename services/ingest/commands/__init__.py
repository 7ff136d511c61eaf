"""The command line of ingest, one module a group."""
