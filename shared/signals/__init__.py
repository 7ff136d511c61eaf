"""Disproportionality signals as pure functions: rows in a window are counted, measured, held against rules, joined to episodes.

`reports` makes rows of outcomes, `windows` counts, `measures` computes, `findings` applies the rules of `rules`, `episodes` gives a
signal its identity, `timeline` takes a whole history through these; `singles` makes items of single mentions. Nothing here
knows a server, so live, replayed and back-tested runs share it.
"""
