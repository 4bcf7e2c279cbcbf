"""TIFF: every layout of the pixels is read right, to the last bit, or refused by name.

tifffile writes the files, and the right pixels are the arrays that it was given.
"""

import io
import struct
from contextlib import suppress

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from utils import images, tiff
from utils.errors import InputError

RNG = np.random.default_rng(0)
RGB = {
    8: RNG.integers(0, 256, (45, 37, 3), np.uint8),
    16: RNG.integers(0, 65536, (45, 37, 3), np.uint16),
}
COMPRESSION, ROWS_PER_STRIP = 259, 278


def written(image, **settings):
    file = io.BytesIO()
    tifffile.imwrite(file, image, **settings)
    return file.getvalue()


def with_alpha(image, alpha):
    return np.dstack([image, np.full(image.shape[:2], alpha, image.dtype)])


def planes(image):
    return np.ascontiguousarray(np.moveaxis(image, 2, 0))


def as_lzw(data):
    """Compressed as LZW (TIFF 6.0, section 13) of nothing but single bytes, 9 bits each."""
    codes = []
    for start in range(0, len(data), 200):
        codes += [256, *data[start : start + 200]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))


def planes_in_lzw(image):
    parts = [as_lzw(plane.tobytes()) for plane in planes(image)]
    plain = bytearray(written(planes(image), photometric="rgb", planarconfig="separate"))
    with tifffile.TiffFile(io.BytesIO(plain)) as file:
        tags = file.pages[0].tags
        offsets, counts = tags["StripOffsets"], tags["StripByteCounts"]
        struct.pack_into("<H", plain, tags["Compression"].valueoffset, 5)
        place = len(plain)
        for number, part in enumerate(parts):
            for tag, value in ((offsets, place), (counts, len(part))):
                kind = "<H" if tag.dtype == 3 else "<I"
                step = struct.calcsize(kind)
                struct.pack_into(kind, plain, tag.valueoffset + number * step, value)
            place += len(part)
    return bytes(plain) + b"".join(parts)


def layouts(bits):
    """{name: (file, RGB)} of files with `bits` bits per sample."""
    rgb, most = RGB[bits], 2**bits - 1
    gray = rgb[..., 0]
    three = np.dstack([gray] * 3)
    color, separate = {"photometric": "rgb"}, {"photometric": "rgb", "planarconfig": "separate"}
    straight = {**color, "extrasamples": ["unassalpha"]}
    transparent = with_alpha(rgb, most // 3)
    return {
        "interleaved": (written(rgb, **color), rgb),
        "big-endian": (written(rgb, **color, byteorder=">"), rgb),
        "BigTIFF": (written(rgb, **color, bigtiff=True), rgb),
        "big-endian BigTIFF": (written(rgb, **color, bigtiff=True, byteorder=">"), rgb),
        "strips": (written(rgb, **color, rowsperstrip=7), rgb),
        "tiles": (written(rgb, **color, tile=(16, 16)), rgb),
        "Deflate": (written(rgb, **color, compression="deflate", predictor=True), rgb),
        "separate planes": (written(planes(rgb), **separate), rgb),
        "separate big-endian": (written(planes(rgb), **separate, byteorder=">"), rgb),
        "separate BigTIFF": (written(planes(rgb), **separate, bigtiff=True), rgb),
        "separate strips": (written(planes(rgb), **separate, rowsperstrip=7), rgb),
        "separate tiles": (written(planes(rgb), **separate, tile=(16, 32)), rgb),
        "separate Deflate": (
            written(planes(rgb), **separate, compression="deflate", predictor=True),
            rgb,
        ),
        "straight alpha": (written(transparent, **straight), rgb),
        "separate alpha": (
            written(planes(transparent), **straight, planarconfig="separate"),
            rgb,
        ),
        "unnamed channel": (written(transparent, **color, extrasamples=["unspecified"]), rgb),
        "gray": (written(gray, photometric="minisblack"), three),
        "white is 0": (written(most - gray, photometric="miniswhite"), three),
        "white is 0, Deflate": (
            written(most - gray, photometric="miniswhite", compression="deflate"),
            three,
        ),
    }


CASES = [
    pytest.param(data, rgb, id=f"{bits} bits, {name}")
    for bits in (8, 16)
    for name, (data, rgb) in layouts(bits).items()
]
FIRST = {
    "LZW": (cv2.imencode(".tif", RGB[16][..., ::-1], [COMPRESSION, 5])[1].tobytes(), RGB[16]),
    "separate LZW": (planes_in_lzw(RGB[16]), RGB[16]),
    "LZMA": (written(RGB[8], photometric="rgb", compression="lzma", predictor=True), RGB[8]),
    "one bit": (
        written(RGB[8][..., 0] > 99, photometric="minisblack"),
        np.dstack([np.where(RGB[8][..., 0] > 99, 255, 0)] * 3).astype(np.uint8),
    ),
}
CASES += [pytest.param(data, rgb, id=name) for name, (data, rgb) in FIRST.items()]


@pytest.mark.parametrize(("data", "rgb"), CASES)
def test_every_layout_is_read_exactly(data, rgb, tmp_path):
    path = tmp_path / "x.tif"
    path.write_bytes(data)
    image, image16 = images.read_image_and_16_bit(path)
    deep = rgb.dtype == np.uint16
    assert images.bits_per_channel(path) == (16 if deep else 8)
    assert images.size_of(path) == rgb.shape[1::-1]
    assert images.pixels_in(path) == rgb.shape[0] * rgb.shape[1]
    np.testing.assert_array_equal(image[..., ::-1], np.rint(rgb / 257) if deep else rgb)
    if deep:
        np.testing.assert_array_equal(image16[..., ::-1], rgb)
    else:
        assert image16 is None


@pytest.mark.parametrize("kind", ["zstd", "lzma", "tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_what_pillow_compresses_is_read_exactly(kind):
    file = io.BytesIO()
    Image.fromarray(RGB[8]).save(file, "TIFF", compression=kind)
    np.testing.assert_array_equal(images.decode_image(file.getvalue(), "x")[..., ::-1], RGB[8])


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_multiplied_alpha_is_divided_out(bits, separate):
    """Exactly, in float64; a color can be off by what its rounding before has lost."""
    most = 2**bits - 1
    alpha = RNG.integers(most // 4, most + 1, RGB[bits].shape[:2])
    stored = np.rint(RGB[bits] * (alpha / most)[..., None])
    samples = np.dstack([stored, alpha]).astype(RGB[bits].dtype)
    settings = {"photometric": "rgb", "extrasamples": ["assocalpha"]}
    if separate:
        samples, settings["planarconfig"] = planes(samples), "separate"
    data = written(samples, **settings)
    image = images._decoded(data, "x")[..., ::-1].astype(float)
    expected = np.minimum(stored * most / alpha[..., None], most)
    assert np.abs(image - expected).max() <= (1 if bits == 8 else 0.5)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["8", "8 alpha", "16", "16 separate"])
def test_every_orientation_is_turned_upright(kind, orientation, tmp_path):
    rgb = RGB[int(kind.split()[0])]
    settings = {"photometric": "rgb", "extratags": [(274, 3, 1, orientation, True)]}
    if "alpha" in kind:
        data = written(with_alpha(rgb, 99), **settings, extrasamples=["unassalpha"])
    elif "separate" in kind:
        data = written(planes(rgb), **settings, planarconfig="separate")
    else:
        data = written(rgb, **settings)
    turned = rgb if orientation < 5 else rgb.transpose(1, 0, 2)  # TIFF 6.0, tag 274
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    expected = turned[rows, columns]
    (tmp_path / "x.tif").write_bytes(data)
    assert images.size_of(tmp_path / "x.tif") == expected.shape[1::-1]
    np.testing.assert_array_equal(images._decoded(data, "x")[..., ::-1], expected)


def of_kind(data, tag, value):
    """The file with another value in a tag of 16 bits."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        place = file.pages[0].tags[tag].valueoffset
    return data[:place] + struct.pack("<H", value) + data[place + 2 :]


PLAIN = {bits: written(rgb, photometric="rgb") for bits, rgb in RGB.items()}
REFUSED = {
    "floating-point samples": written(RGB[8].astype(np.float32) / 255, photometric="rgb"),
    "signed samples": written(RGB[8].astype(np.int16), photometric="rgb"),
    "complex samples": written(RGB[8][..., 0].astype(np.complex64), photometric="minisblack"),
    "32 bits per sample": written(RGB[16].astype(np.uint32), photometric="rgb"),
    "16 bits per sample and LZMA compression": written(
        RGB[16], photometric="rgb", compression="lzma"
    ),
    "16 bits per sample and Zstandard compression": of_kind(PLAIN[16], COMPRESSION, 50000),
    "16 bits per sample and CMYK": written(
        with_alpha(RGB[16], 0), photometric="separated"
    ),
    "16 bits per sample and 2 samples per pixel": written(
        RGB[16][..., :2], photometric="minisblack", planarconfig="contig",
        extrasamples=["unassalpha"],
    ),
    "8 bits per sample and method 34712 compression": of_kind(PLAIN[8], COMPRESSION, 34712),
    "8 bits per sample and color space 32803": of_kind(PLAIN[8], 262, 32803),
}  # fmt: skip


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_not_read_is_refused_by_name(reason, tmp_path):
    path = tmp_path / "x.tif"
    path.write_bytes(REFUSED[reason])
    with pytest.raises(InputError) as problem:
        images.read_image(path)
    expected = f'"x.tif" is a TIFF with {reason}, which is not read; save it as PNG'
    assert str(problem.value) == expected
    assert images.bits_per_channel(path) == 8


@pytest.mark.parametrize("name", ["separate planes", "interleaved", "separate strips", "BigTIFF"])
@pytest.mark.parametrize("bits", [8, 16])
def test_what_is_cut_off_is_refused(bits, name):
    data, _ = layouts(bits)[name]
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        end = max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=True)))
    for cut in {*range(0, 300, 7), *range(300, end, 211), end - 1}:
        with pytest.raises(InputError, match="it may be truncated"):
            images.decode_image(data[:cut], "x")


@pytest.mark.parametrize("bits", [8, 16])
def test_missing_strips_are_not_made_up(bits):
    """A height of which only the first strip is there: 20,000 black rows, and a gigabyte of them.

    It once was read.
    """
    with pytest.raises(InputError, match="it may be truncated"):
        images.decode_image(of_kind(PLAIN[bits], 257, 20_000), "x")


def test_tags_that_are_longer_than_the_file_are_not_read():
    """Each of many thousand tags could claim the whole file."""
    tags = [struct.pack("<HHII", 60_000 + number, 1, 400, 0) for number in range(100)]
    data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(tags)
    with pytest.raises(InputError, match="it may be truncated"):
        images.decode_image(data, "x")


def test_of_very_many_pixels_16_bits_become_8(monkeypatch, tmp_path):
    monkeypatch.setattr(images, "MOST_16_BIT_PIXELS", 45 * 37 - 1)
    path = tmp_path / "x.tif"
    path.write_bytes(PLAIN[16])
    image, image16 = images.read_image_and_16_bit(path)
    assert image16 is None
    assert images.bits_per_channel(path) == 8
    assert np.abs(image[..., ::-1] - RGB[16] / 257.0).max() < 1
    path.write_bytes(layouts(16)["separate planes"][0])
    with pytest.raises(InputError, match="so many pixels"):
        images.read_image(path)


@pytest.mark.parametrize("start", tiff.STARTS)
def test_no_damage_of_a_directory_is_a_fault_of_ours(start):
    for data, _ in (layouts(16)["separate planes"], layouts(8)["tiles"]):
        for place in range(4, 300):
            for value in (0, 1, 255):
                damaged = bytearray(data)
                damaged[place] = value
                with suppress(InputError):
                    images.decode_image(start + bytes(damaged[4:]), "x")
