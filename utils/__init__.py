"""What every part of the program uses and that knows no face."""

import os

MOST_PIXELS = 12_288 * 8_192
"""Of a picture or a frame. A header that claims more is not believed; decoded, these are 0.3 GB."""

# OpenCV reads these when it is first imported; its own limit is a thousand million pixels, and it
# would comment on every damaged file.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
