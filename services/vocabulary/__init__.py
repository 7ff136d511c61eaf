"""Builds the vocabularies that the pipeline ships with, and looks phrases up in them."""
