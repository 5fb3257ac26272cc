"""Adapters for GVHMR, WHAM, SMPLer-X and others: one file per estimator, installed as `lsmplify_refine.adapters`."""
