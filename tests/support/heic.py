"""HEIC photos: a key frame by libx265 in the fewest boxes of ISO 23008-12 that make a photo."""

import struct
from fractions import Fraction

import av

PARAMETER_SETS = (32, 33, 34)  # video, sequence, picture
X265 = "log-level=none:info=0:keyint=1:repeat-headers=1:qp=4:range=full:colormatrix=smpte170m"
BT601, FULL = 5, 2


def heic(rgb, *, quarter_turns=0, pixels="yuv420p"):
    """The bytes of a photo whose coded image is `rgb`, (H, W, 3) uint8, shown turned left."""
    height, width = rgb.shape[:2]
    units = [unit for unit in _hevc(rgb, pixels).split(b"\0\0\1") if unit.strip(b"\0")]
    units = [unit.rstrip(b"\0") if _kind(unit) in PARAMETER_SETS else unit for unit in units]
    sets = {_kind(unit): unit for unit in units if _kind(unit) in PARAMETER_SETS}
    data = b"".join(struct.pack(">I", len(u)) + u for u in units if _kind(u) < min(PARAMETER_SETS))
    properties = [
        _box("hvcC", _decoder_settings(sets, 2 if "10" in pixels else 0)),
        _box("ispe", struct.pack(">III", 0, width, height)),
        _box("irot", bytes([quarter_turns])),
    ]
    head = _box("ftyp", b"heic", bytes(4), b"mif1heic")
    start = len(head) + len(_meta(0, len(data), properties)) + 8
    return head + _meta(start, len(data), properties) + _box("mdat", data)


def _hevc(rgb, pixels):
    encoder = av.CodecContext.create("libx265", "w")
    encoder.height, encoder.width = rgb.shape[:2]
    encoder.pix_fmt, encoder.time_base = pixels, Fraction(1, 25)
    encoder.options = {"x265-params": X265}
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    frame = frame.reformat(format=pixels, dst_colorspace=BT601, dst_color_range=FULL)
    return b"".join(map(bytes, encoder.encode(frame) + encoder.encode(None)))


def _kind(unit):
    return unit[0] >> 1 & 63


def _decoder_settings(sets, depth):
    """HEVCDecoderConfigurationRecord: profile and level as in the sequence's parameters, 4:2:0."""
    profile = sets[33].replace(b"\0\0\3", b"\0\0")[3:15]
    record = b"\1" + profile + bytes([0xF0, 0, 0xFC, 0xFD, 0xF8 | depth, 0xF8 | depth, 0, 0, 15, 3])
    for kind in PARAMETER_SETS:
        record += struct.pack(">BHH", 0x80 | kind, 1, len(sets[kind])) + sets[kind]
    return record


def _meta(start, length, properties):
    item = _box("infe", struct.pack(">IHH", 2 << 24, 1, 0), b"hvc1\0")
    return _box(
        "meta", bytes(4),
        _box("hdlr", bytes(8), b"pict", bytes(13)),
        _box("pitm", struct.pack(">IH", 0, 1)),
        _box("iloc", struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, start, length)),
        _box("iinf", struct.pack(">IH", 0, 1), item),
        _box("iprp", _box("ipco", *properties),
             _box("ipma", struct.pack(">IIHB", 0, 1, 1, 3), bytes([0x81, 2, 0x83]))),
    )  # fmt: skip


def _box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body
