"""Container images: what the Dockerfile runs, what starts in a container, and what Docker asks to know its health."""
