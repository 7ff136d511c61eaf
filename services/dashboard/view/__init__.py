"""What the dashboard reads: alerts, mentions, texts and counts, kept up with the topics and with Redis."""
