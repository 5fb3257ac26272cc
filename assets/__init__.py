"""Shipped data: the open body model and the demo inputs, installed as `lsmplify_refine.assets`."""
