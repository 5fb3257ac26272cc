"""File formats: `load` and `save` through the adapters, the containers and slots they use, and export."""
