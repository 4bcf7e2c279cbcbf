"""Helpers for every part of the program; nothing here knows about faces."""

import os

MOST_PIXELS = 12_288 * 8_192
"""Largest image or frame that is decoded: 0.3 GB. Larger claims in a header are refused."""

# OpenCV reads these on its first import; its own limit is 2^30 pixels, and it would comment on
# every damaged file.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
