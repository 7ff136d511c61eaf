"""Contracts, settings and pure code that every adrwatch service shares. Imports no service."""
