"""Disproportionality signals as pure functions: rows in a window are counted, measured, held against rules, joined to episodes.

`windows` counts, `measures` computes, `findings` applies the rules of `rules`, `episodes` gives a signal its identity. Nothing here
knows a server, so live, replayed and back-tested runs share it.
"""
