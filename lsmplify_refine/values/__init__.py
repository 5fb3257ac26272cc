"""The values that all folders pass around: frozen dataclasses, keypoint conventions, the joints of SMPL."""
