"""Video, meshes and the comparison video."""
