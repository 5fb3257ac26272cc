"""The learned residual regressor: network, fusion with the projection, weights files."""
