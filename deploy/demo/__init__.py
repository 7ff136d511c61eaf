"""The demo: a sample stream, followed through the running product and held against what is true of it.

The posts were written for it (`posts.jsonl`, `broken.jsonl`); `expected.json` says what they are. The command is in `deploy.local`.
"""
