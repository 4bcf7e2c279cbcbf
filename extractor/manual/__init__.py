"""Manual extraction: a person marks the faces in a window."""

WINDOW = "the window for manual extraction"
"""What is being processed while a person works; there is no time limit on that."""
