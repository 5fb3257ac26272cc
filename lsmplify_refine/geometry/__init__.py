"""Functions of arrays: rotations, coordinates, projection, rigid alignment, smoothing, metrics."""
