"""Ways to run adrwatch: the local launcher lives in `deploy.local`."""
