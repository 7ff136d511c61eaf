"""Labelled corpora: readers of their formats, and how they are split. Their texts stay where the user keeps them."""
