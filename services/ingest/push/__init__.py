"""Posts that their owners send to adrwatch by HTTP: docs/sources/push.md."""
