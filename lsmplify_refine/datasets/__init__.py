"""Data sets as sources of truth: their readers, and scores of estimates against the truth."""
