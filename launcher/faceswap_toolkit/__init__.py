"""The name under which the program is installed; the program itself is in `__main__`'s ROOT."""
