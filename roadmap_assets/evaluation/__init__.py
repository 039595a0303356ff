"""Measuring what a batch size, a model or a prompt does to the answers, on the user's own rows."""
