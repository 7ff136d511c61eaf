"""The audit trail for people: what its rows say in plain words, and whether it is whole."""
