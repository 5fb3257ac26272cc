"""The GVHMR, SMPLest-X, ... adapters: one file an estimator, installed as `lsmplify_refine.adapters`."""
