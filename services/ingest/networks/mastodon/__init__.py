"""Mastodon, and whatever speaks its API."""
