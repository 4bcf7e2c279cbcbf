"""What `util show-frame` refuses before it loads anything."""

from tools.util.options import ShowFrameOptions
from utils.errors import UsageError


def check(options: ShowFrameOptions) -> None:
    """Refuse options that do not say which frame, or where it is to be written."""
    if options.remote:
        return
    if (options.face is None) == (options.frame is None):
        raise UsageError("Expected either --face or --frame")
    if options.output is None:
        raise UsageError("--output is missing: name the image to write, such as frame.jpg")
    if options.face is not None and options.input_dir is None:
        raise UsageError("--face needs the folder of faces: say src or dst, or give --input-dir")
