"""The sample stream: posts that we wrote ourselves (`posts.jsonl`, `broken.jsonl`) and what is true of them."""
