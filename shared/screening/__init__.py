"""Who speaks in a post: a person, a seller or a machine. Cue words, a small linear model, and the posts that it learns from."""
