"""Names for PyAV's objects, about which type checkers know nothing."""

from typing import Any

Container = Any
"""An opened file, to read from or to write to."""
Stream = Any
"""A video or audio stream of a container."""
CodecContext = Any
"""A decoder or an encoder, and its settings."""
Packet = Any
"""Encoded data of a stream."""
VideoFrame = Any
"""A decoded image, in the codec's own pixel format."""
