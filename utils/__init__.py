"""What every part of the program uses and that knows no face."""

import os

# OpenCV reads this once, when it is first imported, and would otherwise believe a header that
# claims a thousand million pixels. 12288 x 8192 is possible; what it takes is some 0.6 GB.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(100_700_000))
