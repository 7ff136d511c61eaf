"""The API for machines, version 1."""
