"""Interlaced footage: which field comes first, and frames that say so to the encoder.

PyAV shows neither, so filters of FFmpeg find out and set it.
"""

from fractions import Fraction

import av
from av.codec.context import Flags

from utils.video.av_types import CodecContext, Stream, VideoFrame

ORDERS = {2: True, 3: False, 4: False, 5: True}
"""AVFieldOrder -> whether the top field is shown first; 0 and 1 are unknown and progressive."""
TOP, BOTTOM = 2, 3
NOTE = (
    "the footage is interlaced, the result is marked as progressive, because its codec cannot keep "
    "the fields of this size; --codec ffv1 or prores does"
)


def top_field_first(first: VideoFrame, stream: Stream) -> bool | None:
    """Return whether the top field is shown first; None for progressive video.

    Parameters
    ----------
    first : VideoFrame
        The first frame; its own mark counts more than the container's.
    """
    if not first.interlaced_frame:
        return ORDERS.get(stream.codec_context.field_order)
    select = ("select", r"eq(interlace_type\,TOPFIRST)")
    graph = _graph(first.width, first.height, first.format.name, Fraction(1, 25), [select])
    graph.push(first)
    try:
        graph.pull()
    except (av.error.BlockingIOError, av.error.EOFError):
        return False
    return True


class FrameMarks:
    """Marks frames with their field order and pixel aspect ratio.

    Parameters
    ----------
    context : CodecContext
        The encoder; its size, pixel format, time base and aspect ratio are set. It is told to
        keep the fields.
    top_first : bool or None
        None for progressive video.
    fields : str or None
        As in `Codec`.

    Attributes
    ----------
    notes : list of str
        A sentence if the fields cannot be kept.
    """

    def __init__(self, context: CodecContext, top_first: bool | None, fields: str | None) -> None:
        self.notes: list[str] = []
        filters = []
        if fields == "coded" and "420" in context.pix_fmt and context.height % 4:
            fields = None  # x264 needs whole rows of chroma in each field
        if top_first is not None and fields:
            context.field_order = TOP if top_first else BOTTOM
            filters.append(("setfield", "tff" if top_first else "bff"))
            if fields == "coded":
                context.flags |= Flags.interlaced_dct.value
        elif top_first is not None:
            self.notes.append(NOTE)
        if context.sample_aspect_ratio:
            filters.append(("setsar", str(context.sample_aspect_ratio)))
        shape = context.width, context.height, context.pix_fmt, context.time_base
        self._graph = _graph(*shape, filters) if filters else None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame, marked."""
        if self._graph is None:
            return frame
        self._graph.push(frame)
        return self._graph.pull()


def _graph(
    width: int, height: int, pixels: str, time_base: Fraction, filters: list[tuple[str, str]]
) -> "av.filter.Graph":
    graph = av.filter.Graph()
    last = graph.add_buffer(width=width, height=height, format=pixels, time_base=time_base)
    for name, arguments in filters:
        following = graph.add(name, arguments)
        last.link_to(following)
        last = following
    last.link_to(graph.add("buffersink"))
    graph.configure()
    return graph
