"""Colours of the predicted face and how they are brought to those of the dst face.

`statistics` measures both; every other file is one way to transfer, behind `converters.COLORS`.
"""
