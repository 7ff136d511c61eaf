"""The services of adrwatch, in the order in which a post travels: ingest, pipeline, alerting.

`vocabulary` and `training` build what the pipeline ships with. None imports another.
"""
