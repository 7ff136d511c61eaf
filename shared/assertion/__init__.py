"""What a post says about a reaction: that it happened, was denied, feared, asked about, treated; and how serious it was."""
