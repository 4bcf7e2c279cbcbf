"""The colors of the interactive conversion's window, BGR."""

BACKGROUND, PANEL, HOVER = (24, 24, 24), (38, 38, 38), (62, 54, 48)
TEXT, DIM, FAINT = (238, 238, 238), (178, 178, 178), (128, 128, 128)
"""Text: what matters, what explains it, what has no effect at present."""
FACES = (100, 100, 100)
"""Frames with a face in the strip."""
ACCENT, WARNING = (120, 215, 255), (130, 140, 255)
