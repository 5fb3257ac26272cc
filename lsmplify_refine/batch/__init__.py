"""Many clips: rows of a manifest, their execution on engines, and the summary."""
