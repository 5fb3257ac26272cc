"""Reading and writing video, drawing meshes, and the comparison video."""
