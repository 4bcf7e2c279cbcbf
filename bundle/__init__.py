"""Builds the folders that run without an installed Python: docs/bundle.md.

`scripts/build_bundle.py` is the command. Only `check_bundle.py` is shipped.
"""
