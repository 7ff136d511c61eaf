"""Faults at random moments on the whole product under steady load, and a checker of its own that counts what came of every post.

`python -m tests.faults.suite` (or `make faults`) runs it; docs/runbooks/faults.md says how to read what it prints.
"""
