"""What the served models read and how their outputs are read back: the same code in training, serving, back-tests.

Pure functions of text: no transport, no server. `shared.models.session` runs a model in process where wanted.
"""
