"""How the system runs: what flows, what lags, what is away, what could not be processed."""
