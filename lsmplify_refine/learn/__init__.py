"""Training the residual regressor: motion data, training pairs, the training loop."""
