"""Faces placed by hand."""

WINDOW = "the window for placing faces by hand"
"""What is in hand while a person is at work, who may take all the time in the world."""
