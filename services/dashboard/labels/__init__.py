"""The review queue: posts that people label, drawn so that the sample can be weighed, and the corpus that comes of it."""
