"""The services of adrwatch, in the order in which a post travels: ingest, pipeline, alerting."""
