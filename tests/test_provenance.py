"""utils.provenance.mark: marks in PNGs (Pillow is the oracle) and in the tags of videos."""

import io
import struct
import zlib
from xml.dom import minidom

import av
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from utils.errors import InputError
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, mark_png, read_mark, video_tags

PIXELS = np.random.default_rng(0).integers(0, 256, (21, 33, 4), dtype=np.uint8)
OTHER = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" {}</rdf:RDF></x:xmpmeta>'
)
AS_ATTRIBUTE = XMP.format(f'i:DigitalSourceType="{OTHER}"/>')
AS_ELEMENT = XMP.format(f"><i:DigitalSourceType>{OTHER}</i:DigitalSourceType></rdf:Description>")
AS_RESOURCE = XMP.format(f'><i:DigitalSourceType rdf:resource="{OTHER}"/></rdf:Description>')


def png(mode="RGB", xmp=None, compressed=False, **options):
    info = PngImagePlugin.PngInfo()
    if xmp is not None:
        info.add_itxt("XML:com.adobe.xmp", xmp, zip=compressed)
    info.add_text("Title", "a title")
    file = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(file, "png", pnginfo=info, **options)
    return file.getvalue()


def chunks(data):
    """Type and body of every chunk; its CRC is checked."""
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert crc == zlib.crc32(kind + body)
        found.append((kind, body))
        at += 12 + length
    return found


def video(path, tags):
    flags = {} if path.suffix == ".mkv" else {"movflags": "use_metadata_tags"}
    with av.open(str(path), "w", container_options=flags) as container:
        container.metadata.update(tags)
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 32, 32
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
def test_pillow_finds_the_mark_and_the_same_pixels(mode):
    before = png(mode)
    after = mark_png(before)
    with Image.open(io.BytesIO(before)) as old, Image.open(io.BytesIO(after)) as new:
        new.load()
        xmp = new.info["xmp"]
        assert new.info["Title"] == "a title"
        assert new.mode == old.mode
        assert new.tobytes() == old.tobytes()
    assert DIGITAL_SOURCE_TYPE.encode() in xmp
    assert b"Iptc4xmpExt:DigitalSourceType" in xmp


def test_the_packet_pillow_gives_states_the_property():
    with Image.open(io.BytesIO(mark_png(png()))) as image:
        packet = minidom.parseString(image.info["xmp"])
    (stated,) = packet.getElementsByTagNameNS(
        "http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "DigitalSourceType"
    )
    assert stated.firstChild.data == DIGITAL_SOURCE_TYPE


def test_the_mark_is_one_chunk_before_the_pixels():
    before, after = chunks(png()), chunks(mark_png(png()))
    ours = [i for i, (kind, body) in enumerate(after) if body.startswith(b"XML:com.adobe.xmp\0")]
    assert len(ours) == 1
    assert after[ours[0]][0] == b"iTXt"
    assert after[ours[0] + 1][0] == b"IDAT"
    del after[ours[0]]
    assert after == before


def test_marking_twice_changes_nothing():
    once = mark_png(png())
    assert mark_png(once) == once


@pytest.mark.parametrize("compressed", [False, True])
def test_an_older_packet_is_replaced(tmp_path, compressed):
    file = tmp_path / "x.png"
    file.write_bytes(png(xmp=AS_ATTRIBUTE, compressed=compressed))
    assert read_mark(file) == OTHER
    file.write_bytes(mark_png(file.read_bytes()))
    assert read_mark(file) == DIGITAL_SOURCE_TYPE
    assert OTHER.encode() not in file.read_bytes()


@pytest.mark.parametrize("xmp", [AS_ATTRIBUTE, AS_ELEMENT, AS_RESOURCE])
def test_every_form_of_the_property_is_read(tmp_path, xmp):
    file = tmp_path / "x.png"
    file.write_bytes(png(xmp=xmp))
    assert read_mark(file) == OTHER


@pytest.mark.parametrize(
    "xmp",
    [
        None,
        "",
        "<not xml",
        XMP.format("/>"),
        f'<!DOCTYPE x [<!ENTITY a "{OTHER}">]>' + AS_ELEMENT.replace(OTHER, "&a;"),
        AS_ELEMENT + " " * (1 << 21),
    ],
)
def test_no_mark_is_found_where_none_is(tmp_path, xmp):
    file = tmp_path / "a folder" / "ein Bild ü.png"
    file.parent.mkdir()
    file.write_bytes(png(xmp=xmp, compressed=xmp is not None and len(xmp) > 100_000))
    assert read_mark(file) is None


def test_what_is_not_a_whole_png_is_refused(tmp_path):
    whole = png()
    for bad in (b"", b"text", whole[:-20], whole[:40]):
        with pytest.raises(InputError):
            mark_png(bad)
    without_pixels = b"".join([whole[:33], whole[-12:]])
    with pytest.raises(InputError, match="IDAT"):
        mark_png(without_pixels)
    file = tmp_path / "short.png"
    file.write_bytes(whole[:-20])
    with pytest.raises(InputError, match=r"short\.png.* cut off"):
        read_mark(file)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_the_tags_of_a_video_are_read(tmp_path, suffix):
    assert read_mark(video(tmp_path / f"ein Vidéo{suffix}", video_tags())) == DIGITAL_SOURCE_TYPE
    assert read_mark(video(tmp_path / f"plain{suffix}", {"comment": "a holiday"})) is None


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_comment_alone_is_enough(tmp_path, suffix):
    # what is left when a tool copies only the tags it knows
    tags = {"comment": video_tags()["comment"]}
    assert read_mark(video(tmp_path / f"x{suffix}", tags)) == DIGITAL_SOURCE_TYPE


@pytest.mark.parametrize("content", [None, b"", b"some text\n" * 50])
def test_a_file_that_is_neither_is_refused(tmp_path, content):
    file = tmp_path / "x.mp4"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.mp4"):
        read_mark(file)
