"""Alerting: reports in windows of event time, rules on closed buckets, signals and single reports.

A post's outcome goes through `count` into Redis (`rows`), `clock` says which buckets are closed (`watermark`, and `upstream` for
what is still on its way), `evaluate` holds them against the rules and publishes through `signals` and `outbox`; `singles` opens
single reports at once; `forget` takes a post back; `close` hears of signals that a person closed.
"""
