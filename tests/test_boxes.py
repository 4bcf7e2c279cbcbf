"""Boxes of MP4 and MOV: walked, and refused when a table claims more than it holds.

The files are small and claim little more than they have: FFmpeg would read them without harm.
"""

import struct
from fractions import Fraction

import av
import pytest
from support.clips import make_clip, times_of

from utils.errors import InputError
from utils.provenance.mark import read_mark
from utils.video.boxes import check_tables, top_level
from utils.video.io import open_source


@pytest.fixture(scope="module", params=["x.mp4", "x.mov"])
def clip(request, tmp_path_factory):
    """A clip with tags, whose samples have several sizes."""
    path = tmp_path_factory.mktemp("boxes") / request.param
    times = [Fraction(n, 25) for n in range(4)]
    plain = make_clip(path.with_suffix(".mkv"), times, sound=None, size=(32, 24))
    with (
        av.open(str(plain)) as source,
        av.open(str(path), "w", container_options={"movflags": "use_metadata_tags"}) as result,
    ):
        result.metadata.update({"one": "1", "two": "2"})
        stream = result.add_stream_from_template(source.streams.video[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                result.mux(packet)
    return path


def claiming(clip, target, kind, place, count):
    """Write a copy in which a table says that it has `count` entries."""
    data = bytearray(clip.read_bytes())
    at = data.rindex(kind) + 4 + place
    struct.pack_into(">I", data, at, count)
    target.write_bytes(data)
    return target


def test_the_boxes_at_the_top_are_those_of_the_file(clip):
    data, at, expected = clip.read_bytes(), 0, []
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        expected.append((kind, at, size))
        at += size
    found = top_level(clip)
    assert [(box.kind, box.start, box.size) for box in found] == expected
    assert {b"moov", b"mdat"} <= {box.kind for box in found}
    check_tables(clip)


@pytest.mark.parametrize(("kind", "place", "count"), [(b"keys", 4, 100), (b"stsz", 8, 100_000)])
def test_a_table_that_claims_more_than_it_holds_is_refused(clip, tmp_path, kind, place, count):
    path = claiming(clip, tmp_path / clip.name, kind, place, count)
    for read in (check_tables, open_source, read_mark):
        with pytest.raises(InputError, match="is damaged: a table in it"):
            read(path)


def test_other_files_and_parts_of_files_are_left_to_ffmpeg(clip, tmp_path):
    for name, data in (("a.mp4", b""), ("b.mp4", b"text"), ("c.mp4", clip.read_bytes()[:-50])):
        (tmp_path / name).write_bytes(data)
        check_tables(tmp_path / name)
    assert len(times_of(clip)) == 4
    assert sum(1 for _ in open_source(clip)) == 4
