"""Training, export and evaluation of the served models. Only training and export need torch (extra `train`)."""
