"""What an image claims is compared with its bytes before any decoder sees it; and where JPEG ends.

All files are harmless: where a guard fails, the forbidden decoder is called, and nothing reserved.
"""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageFile
from support.hostile import png
from support.synthetic import make_faceset, make_video

from converters.blending.occlusion import OcclusionMasks
from extractor.frames import Pending
from facelib.faceset import read_face
from tools.util import import_dfl, metadata
from tools.util.options import ImportOptions, RestoreMetadataOptions, SaveMetadataOptions
from utils.errors import InputError
from utils.images import decode_image, read_image, size_of
from utils.video.frame import Frame
from utils.video.io import open_source

PHOTO = cv2.resize(skimage.data.astronaut()[60:200, 150:290], (61, 47))
NOISE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
WHOLE = cv2.imencode(".png", NOISE)[1].tobytes()
HEADER = 33  # bytes of the signature and IHDR
HUGE = [9_000_000, 2**30, 2**31 - 1, 2**32 - 1]


def saved(image, kind, **settings):
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def claiming(length, kind=b"tEXt"):
    """A PNG with a chunk that is said to have `length` bytes."""
    return WHOLE[:HEADER] + struct.pack(">I4s", length, kind) + bytes(50) + WHOLE[HEADER:]


@pytest.fixture
def no_decoder(monkeypatch):
    def forbidden(*_):
        pytest.fail("a decoder was called")

    monkeypatch.setattr(cv2, "imdecode", forbidden)
    monkeypatch.setattr(ImageFile.ImageFile, "load", forbidden)


# -------------------------------------------------------------------------------- memory, of PNG


@pytest.mark.parametrize("kind", [b"tEXt", b"IDAT", b"PLTE", b"iCCP", b"fdAT", b"eXIf", b"IEND"])
@pytest.mark.parametrize("length", HUGE)
def test_a_chunk_longer_than_the_file_is_not_decoded(length, kind, no_decoder):
    with pytest.raises(InputError, match=r'"x\.png" is not a readable image'):
        decode_image(claiming(length, kind), "x.png")


def test_more_pixels_than_the_bytes_can_hold_are_not_decoded(no_decoder):
    with pytest.raises(InputError, match=r"x\.png"):
        decode_image(png(10_000, 10_000, zlib.compress(bytes(900))), "x.png")


def through_mask(folder):
    OcclusionMasks(folder)(Frame(NOISE, 0, "0.png", None))


def through_restored_metadata(folder):
    make_faceset(folder.parent / "faces", 1)
    (face,) = (folder.parent / "faces").glob("*.png")
    face.rename(face.with_name("0.png"))
    metadata.save(SaveMetadataOptions(input_dir=face.parent))
    options = RestoreMetadataOptions(
        input_dir=folder, metadata=folder.parent / f"faces{metadata.SUFFIX}"
    )
    raise InputError(metadata.restore(options).failures[0])


def through_import(folder):
    report = import_dfl.run(ImportOptions(input_dir=folder, output_dir=folder / "out"))
    raise InputError(report.failures[0])


def through_frames(folder):
    source = open_source(folder)
    assert list(source) == []
    raise InputError(source.failures[0])


READERS = {
    "an image": lambda folder: read_image(folder / "0.png"),
    "a frame": through_frames,
    "a frame to extract": lambda folder: Pending(folder / "0.png", 0, "0.png", None).image(),
    "a face": lambda folder: read_face(folder / "0.png"),
    "a mask": through_mask,
    "metadata": through_restored_metadata,
    "an import": through_import,
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_is_guarded(reader, tmp_path, no_decoder):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "0.png").write_bytes(claiming(2**31 - 1))
    with pytest.raises(InputError, match=r"0\.png"):
        READERS[reader](folder)


def test_the_size_of_a_png_that_claims_too_much_is_unknown(tmp_path, no_decoder):
    (tmp_path / "0.png").write_bytes(png(10_000, 10_000, zlib.compress(bytes(900))))
    assert size_of(tmp_path / "0.png") is None


def kinds_of_png():
    image = Image.fromarray(NOISE)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield mode, saved(image.convert(mode), "PNG")
    for colors in (2, 4, 16):
        yield f"{colors} colors", saved(image.quantize(colors), "PNG")
    yield "gray, 16 bits", saved(Image.fromarray(NOISE[..., 0] * np.uint16(257)), "PNG")
    yield (
        "RGBA, 16 bits",
        cv2.imencode(".png", np.dstack([NOISE, NOISE[..., :1]]) * np.uint16(257))[1].tobytes(),
    )
    yield (
        "without a filter",
        cv2.imencode(".png", NOISE, [cv2.IMWRITE_PNG_COMPRESSION, 0])[1].tobytes(),
    )
    yield "black", saved(Image.new("1", (3000, 3000)), "PNG", compress_level=9)
    yield "black RGBA", saved(Image.new("RGBA", (900, 900)), "PNG", compress_level=9)
    yield "animated", saved(image, "PNG", save_all=True, append_images=[image.rotate(90)])


@pytest.mark.parametrize(("data"), [pytest.param(data, id=name) for name, data in kinds_of_png()])
def test_a_whole_png_passes(data):
    """Black compresses as far as deflate can go."""
    with Image.open(io.BytesIO(data)) as image:
        deep = image.mode == "I;16"
        expected = np.rint(np.asarray(image) / 257) if deep else np.asarray(image.convert("RGB"))
    found = decode_image(data, "x")[..., ::-1]
    np.testing.assert_array_equal(found[..., 0] if deep else found, expected)


# ------------------------------------------------------------------------------- memory, of JPEG


@pytest.mark.parametrize("progressive", [False, True])
def test_a_small_jpeg_that_claims_millions_of_pixels_is_not_decoded(progressive, no_decoder):
    data = bytearray(saved(Image.fromarray(PHOTO), "JPEG", progressive=progressive))
    at = data.find(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 9_000, 9_000)
    with pytest.raises(InputError, match=r"x\.jpg"):
        decode_image(bytes(data), "x.jpg")


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_nothing_is_so_plain_that_it_seems_too_small(mode, progressive):
    image = Image.new(mode, (1500, 1000))
    data = saved(image, "JPEG", quality=1, optimize=True, progressive=progressive)
    assert decode_image(data, "x").shape == (1000, 1500, 3)


# ---------------------------------------------------------------------------- where a JPEG ends

JPEGS = {
    "baseline": {},
    "optimized": {"optimize": True, "quality": 95},
    "progressive": {"progressive": True, "quality": 90},
    "restarts": {"restart_marker_blocks": 1},
    "restarts in rows": {"restart_marker_rows": 1, "quality": 95},
    "progressive with restarts": {"progressive": True, "restart_marker_blocks": 5},
}


@pytest.fixture(params=[(kind, mode) for kind in JPEGS for mode in ("RGB", "L")], ids=str)
def jpeg(request):
    kind, mode = request.param
    return saved(Image.fromarray(PHOTO).convert(mode), "JPEG", **JPEGS[kind])


def pixels_by_pillow(jpeg):
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB"))[..., ::-1]


def test_only_the_end_may_be_missing(jpeg):
    """Cut at every byte: without its end, or half of it, an image is whole, and no other is."""
    readable = []
    for cut in range(len(jpeg)):
        try:
            image = decode_image(jpeg[:cut], "x.jpg")
        except InputError:
            continue
        readable.append(len(jpeg) - cut)
        np.testing.assert_array_equal(image, pixels_by_pillow(jpeg))
    assert readable == [2, 1]


def test_a_scan_that_says_nothing_is_no_image(jpeg):
    empty = b"\xff\xda\x00\x02"
    with pytest.raises(InputError, match="truncated"):
        decode_image(jpeg[: jpeg.index(empty[:2])] + empty + bytes(40), "x.jpg")


def test_zeros_in_place_of_the_rest_are_no_pixels(jpeg):
    """An interrupted copy has its full length; the end alone may be zeros."""
    for cut in range(len(jpeg) // 3, len(jpeg) - 2, 29):
        with pytest.raises(InputError):
            decode_image(jpeg[:cut] + bytes(len(jpeg) - cut), "x.jpg")
    image = decode_image(jpeg[:-2] + bytes(5000), "x.jpg")
    np.testing.assert_array_equal(image, pixels_by_pillow(jpeg))


def motion_photo(jpeg, folder):
    frames = [np.roll(NOISE, shift, 0) for shift in range(3)]
    return jpeg + make_video(folder / "clip.mp4", frames, 25).read_bytes()


AFTER = {
    "the video of a motion photo": motion_photo,
    "start of a scan": lambda jpeg, _: jpeg + b"\xff\xda" + bytes(99),
    "a second image": lambda jpeg, _: jpeg + jpeg,
    "half of a second image": lambda jpeg, _: jpeg + jpeg[: len(jpeg) // 2],
    "zeros": lambda jpeg, _: jpeg + bytes(4096),
}


@pytest.mark.parametrize("what", AFTER)
def test_what_follows_the_end_is_no_part_of_the_image(what, jpeg, tmp_path):
    image = decode_image(AFTER[what](jpeg, tmp_path), "x.jpg")
    np.testing.assert_array_equal(image, pixels_by_pillow(jpeg))


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_image():
    thumbnail = saved(Image.fromarray(PHOTO).resize((16, 16)), "JPEG")
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x927C] = thumbnail  # a maker's note
    data = saved(Image.fromarray(PHOTO), "JPEG", exif=exif)
    assert thumbnail in data
    assert decode_image(data, "x").shape == PHOTO.shape
    with pytest.raises(InputError):
        decode_image(data[: len(data) * 9 // 10], "x")
