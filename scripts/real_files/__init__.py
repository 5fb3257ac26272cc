"""Parts of `check_real_files.py`."""
