"""Evaluation of methods (`methods`) on test cases (`cases`, `takes`, `datasets`): run, score, and show the results."""
