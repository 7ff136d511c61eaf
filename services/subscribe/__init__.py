"""What analysts get of the topics: mentions and alerts, each once, without those that were taken back, in the form they want."""
