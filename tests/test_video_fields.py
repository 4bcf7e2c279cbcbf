"""Interlaced footage stays marked as such. Oracles: PyAV's decoder and, where it is, ffprobe."""

import shutil
import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest
from av.codec.context import Flags
from support.clips import picture
from support.conversion import INVERT, options
from support.synthetic import make_info, make_landmarks

from converters import convert
from facelib.faceset import write_face
from tools.video import cut, extract, make
from tools.video.options import CutOptions, ExtractFramesOptions, MakeOptions
from utils.video.decoder import VideoSource

ORDERS = {"tff": True, "bff": False}


def marked(frame, order):
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format.name, time_base=Fraction(1, 25)
    )
    mark, sink = graph.add("setfield", order), graph.add("buffersink")
    source.link_to(mark)
    mark.link_to(sink)
    graph.configure()
    graph.push(frame)
    return graph.pull()


def write_clip(path, order, codec="libx264", pixels="yuv420p", size=(160, 120), count=4):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.flags |= Flags.interlaced_dct.value
        stream.codec_context.field_order = {"tff": 2, "bff": 3}[order]
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(picture(index, *size), format="bgr24")
            frame = frame.reformat(format=pixels)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(marked(frame, order)))
        container.mux(stream.encode(None))
    return path


def fields_of(path):
    """Whether all frames are interlaced, and the field order by ffprobe, None without it."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    interlaced = {frame.interlaced_frame for frame in frames}
    if not shutil.which("ffprobe"):
        return interlaced, None
    shown = ["-show_entries", "frame=top_field_first", "-of", "csv=p=0", str(path)]
    out = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v", *shown],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return interlaced, {line.strip(",") == "1" for line in out.stdout.split()}


def assert_interlaced(path, order):
    interlaced, top = fields_of(path)
    assert interlaced == {True}
    assert top in (None, {ORDERS[order]})
    assert VideoSource(path).video_format.top_field_first is ORDERS[order]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("x.mp4", "libx264", "yuv420p"),
        ("x.mkv", "ffv1", "yuv420p"),
        ("x.mov", "prores_ks", "yuv422p10le"),
        ("x.mpg", "mpeg2video", "yuv420p"),
    ],
)
def test_the_field_order_is_found(tmp_path, order, name, codec, pixels):
    path = write_clip(tmp_path / name, order, codec, pixels)
    assert_interlaced(path, order)


def face_of(folder):
    info = make_info(make_landmarks(center=(80, 60), width=50), 64, source="clip.mp4")
    write_face(folder / "aligned" / "0.png", np.zeros((64, 64, 3), np.uint8), info)


@pytest.mark.parametrize(
    ("codec", "suffix", "order"),
    [
        ("h264", "mp4", "tff"),
        ("h264", "mkv", "bff"),
        ("prores", "mov", "bff"),
        ("ffv1", "mkv", "bff"),
        ("png", "mov", "tff"),
    ],
)
def test_a_conversion_keeps_the_fields(tmp_path, codec, suffix, order):
    clip = write_clip(tmp_path / "clip.mp4", order)
    face_of(tmp_path)
    report = convert.run(options(tmp_path, f"x.{suffix}", input_dir=clip, codec=codec), INVERT)
    if codec == "png":  # PNG has no fields: the container marks them
        assert VideoSource(tmp_path / "x.mov").video_format.top_field_first is ORDERS[order]
    else:
        assert_interlaced(tmp_path / f"x.{suffix}", order)
    assert not [note for note in report.notes["the result"] if "interlaced" in note]


@pytest.mark.parametrize(("codec", "height"), [("h265", 120), ("h264", 122)])
def test_what_cannot_keep_fields_says_so(tmp_path, codec, height):
    clip = write_clip(tmp_path / "clip.mov", "bff", "prores_ks", "yuv422p10le", (160, height))
    face_of(tmp_path)
    report = convert.run(options(tmp_path, "x.mp4", input_dir=clip, codec=codec), INVERT)
    assert len([note for note in report.notes["the result"] if "interlaced" in note]) == 1
    assert fields_of(tmp_path / "x.mp4")[0] == {False}


def test_the_tools_keep_the_fields(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", "bff")
    extract.run(ExtractFramesOptions(input_file=clip, output_dir=tmp_path / "frames"))
    chosen = {"input_dir": tmp_path / "frames", "reference_file": clip}
    make.run(MakeOptions(output_file=tmp_path / "made.mp4", **chosen))
    assert_interlaced(tmp_path / "made.mp4", "bff")
    part = tmp_path / "part.mkv"
    cut.run(CutOptions(input_file=clip, output_file=part, from_="1", to="2"))
    assert_interlaced(part, "bff")


@pytest.mark.parametrize(("suffix", "said"), [("mp4", False), ("mkv", True)])
def test_an_aspect_that_matroska_does_not_get_is_said(tmp_path, suffix, said):
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(64, 45)
        frame = av.VideoFrame.from_ndarray(picture(0), format="bgr24")
        container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    face_of(tmp_path)
    result = tmp_path / f"x.{suffix}"
    chosen = options(tmp_path, result.name, input_dir=tmp_path / "clip.mp4", codec="ffv1")
    notes = convert.run(chosen, INVERT).notes["the result"]
    assert any("64:45" in note for note in notes) == said
    with av.open(str(result)) as container:
        kept = container.streams.video[0].sample_aspect_ratio
    assert kept == (None if said else Fraction(64, 45))


def test_progressive_footage_stays_progressive(tmp_path):
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        frame = av.VideoFrame.from_ndarray(picture(0), format="bgr24")
        container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    face_of(tmp_path)
    convert.run(options(tmp_path, "x.mp4", input_dir=tmp_path / "clip.mp4"), INVERT)
    assert fields_of(tmp_path / "x.mp4") in (({False}, {False}), ({False}, None))
    assert VideoSource(tmp_path / "x.mp4").video_format.top_field_first is None
