"""Versions of the models: listed, verified, activated and rolled back while posts go on. `repository` says how they lie.

`verify` checks a version by itself, `server` asks Triton, `roll` goes from one version to another.
"""
