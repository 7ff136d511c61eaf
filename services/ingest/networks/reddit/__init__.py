"""Reddit, by its Data API: listings of subreddits, searches, and another look at what was published."""
