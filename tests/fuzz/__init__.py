"""Damaged and made-up files for every reader of the program: `make fuzz`."""
