"""HTML pages that open offline: the page of a clip, and what all pages share. They are built from plain values."""
