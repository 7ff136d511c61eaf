"""Scores of the product on labelled corpora: `adrwatch evaluate`. Stands above the services, as the back-test does."""
