"""Evaluation: what is tested (`cases`, `takes`), who is tested (`methods`), how it is scored, and how it is shown."""
