"""The values that everybody passes around: frozen dataclasses, keypoint conventions, the joints of SMPL."""
