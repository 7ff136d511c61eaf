"""Bluesky, by Jetstream."""
