"""Which medicine of a post a word such as "it" or "the second one" means, and the field's scores for such answers. Pure."""
