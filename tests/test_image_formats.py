"""Photos in every format that people have: read right, or passed over by name."""

import io
import re

import av
import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image
from support.heic import heic

from extractor import extract
from extractor.options import ExtractOptions
from facelib.faceset import Faceset
from tools.util import import_dfl
from tools.util.options import ImportOptions
from utils import image_formats
from utils.errors import InputError
from utils.files import IMAGE_SUFFIXES
from utils.images import decode_image, pixels_in, read_image, size_of
from utils.video.io import open_source

SMOOTH = cv2.resize(skimage.data.astronaut()[:256, 100:356], (96, 64), interpolation=cv2.INTER_AREA)
"""(64, 96, 3) uint8 RGB."""
FEW_COLORS = SMOOTH & 0xC0  # 64 of them, so that a palette loses nothing


def encoded(image, kind, **settings):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **settings)
    return file.getvalue()


EXACT = {
    ".png": (encoded(SMOOTH, "PNG"), SMOOTH),
    ".tif": (encoded(SMOOTH, "TIFF", compression="tiff_lzw"), SMOOTH),
    ".tiff": (encoded(SMOOTH, "TIFF"), SMOOTH),
    ".webp": (encoded(SMOOTH, "WEBP", lossless=True), SMOOTH),
    ".bmp": (encoded(SMOOTH, "BMP"), SMOOTH),
    ".gif": (encoded(FEW_COLORS, "GIF"), FEW_COLORS),
    ".jp2": (encoded(SMOOTH, "JPEG2000"), SMOOTH),
    ".j2k": (encoded(SMOOTH, "JPEG2000", no_jp2=True), SMOOTH),
    ".tga": (encoded(SMOOTH, "TGA", compression="tga_rle"), SMOOTH),
}
"""Files without loss, and their images."""
LOSSY = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".avif": "AVIF",
    ".heic": "HEIF", ".heif": "HEIF", ".hif": "HEIF",
}  # fmt: skip


def lossy(suffix):
    if LOSSY[suffix] == "HEIF":
        pytest.importorskip("pi_heif")
        return heic(SMOOTH)
    return encoded(SMOOTH, LOSSY[suffix], quality=95)


def test_every_suffix_is_tested():
    assert {*EXACT, *LOSSY} == IMAGE_SUFFIXES


@pytest.mark.parametrize("suffix", EXACT)
def test_what_has_no_loss_is_read_exactly(suffix, tmp_path):
    data, expected = EXACT[suffix]
    path = tmp_path / f"photo{suffix.upper()}"
    path.write_bytes(data)
    assert pixels_in(path) == 64 * 96
    assert size_of(path) == (96, 64)
    np.testing.assert_array_equal(read_image(path)[..., ::-1], expected)
    (frame,) = open_source(tmp_path)
    np.testing.assert_array_equal(frame.image[..., ::-1], expected)


@pytest.mark.parametrize("suffix", LOSSY)
def test_what_has_loss_is_read_as_other_decoders_do(suffix, tmp_path):
    """FFmpeg decodes the same bytes, with dav1d and decoders of its own."""
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(lossy(suffix))
    with av.open(str(path)) as container:
        expected = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    image = read_image(path)[..., ::-1]
    assert size_of(path) == (96, 64)
    difference = np.abs(image - expected)
    assert difference.mean() < 1.5
    assert np.abs(image - SMOOTH.astype(int)).mean() < 4


@pytest.mark.parametrize("turns", range(4))
def test_a_heic_photo_is_turned_upright(turns, tmp_path):
    pytest.importorskip("pi_heif")
    path = tmp_path / "photo.heic"
    path.write_bytes(heic(SMOOTH, quarter_turns=turns))
    image = read_image(path)
    expected = np.rot90(SMOOTH, turns)
    assert size_of(path) == image.shape[1::-1] == expected.shape[1::-1]
    assert np.abs(image[..., ::-1] - expected.astype(int)).mean() < 4


def test_ten_bits_of_heic_become_eight():
    pytest.importorskip("pi_heif")
    image = decode_image(heic(SMOOTH, pixels="yuv420p10le"), "photo.heic")
    assert image.dtype == np.uint8
    assert np.abs(image[..., ::-1] - SMOOTH.astype(int)).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["AVIF", "JPEG", "PNG", "WEBP"])
def test_every_orientation_is_turned_upright(kind, orientation, tmp_path):
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "photo"
    path.write_bytes(encoded(SMOOTH, kind, exif=exif, quality=95))
    turned = SMOOTH if orientation < 5 else SMOOTH.transpose(1, 0, 2)  # EXIF 2.3, 4.6.4
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    expected = turned[rows, columns]
    assert size_of(path) == expected.shape[1::-1]
    assert np.abs(read_image(path)[..., ::-1] - expected.astype(int)).mean() < 4


def test_the_content_counts_and_not_the_name():
    """Phones and messengers call everything .jpg."""
    for suffix in (".gif", ".jp2", ".webp", ".png"):
        data, expected = EXACT[suffix]
        np.testing.assert_array_equal(decode_image(data, "photo.jpg")[..., ::-1], expected)
    pytest.importorskip("pi_heif")
    assert decode_image(heic(SMOOTH), "photo.jpg").shape == SMOOTH.shape


def test_targa_has_no_signature_and_needs_its_name():
    data, _ = EXACT[".tga"]
    with pytest.raises(InputError, match=r"photo\.png"):
        decode_image(data, "photo.png")


@pytest.mark.parametrize("suffix", [*EXACT, ".jpg", ".avif", ".heic"])
def test_what_is_cut_off_is_refused(suffix):
    data = EXACT[suffix][0] if suffix in EXACT else lossy(suffix)
    end = len(data) - 30  # Targa has a footer
    for cut in {*range(1, 200), *range(200, end, 61), end}:
        with pytest.raises(InputError, match="photo"):
            decode_image(data[:cut], f"photo{suffix}")


@pytest.mark.parametrize("suffix", [*EXACT, ".jpg", ".avif", ".heic"])
@pytest.mark.parametrize("rest", [bytes(999), EXACT[".png"][0]], ids=["zeros", "another image"])
def test_what_follows_the_end_changes_nothing(suffix, rest):
    data = EXACT[suffix][0] if suffix in EXACT else lossy(suffix)
    name = f"photo{suffix}"
    np.testing.assert_array_equal(decode_image(data + rest, name), decode_image(data, name))


def test_sixteen_gray_bits_of_jpeg_2000_are_rounded():
    levels = np.linspace(0, 65535, 64 * 96).astype(np.uint16).reshape(64, 96)
    image = decode_image(encoded(levels, "JPEG2000"), "gray.jp2")
    np.testing.assert_array_equal(image, np.dstack([np.rint(levels / 257)] * 3))


def test_alpha_is_dropped_and_colors_stay():
    alpha = np.dstack([SMOOTH, np.full(SMOOTH.shape[:2], 90, np.uint8)])
    for kind in ("JPEG2000", "TGA"):
        image = decode_image(encoded(alpha, kind), "photo.tga")
        np.testing.assert_array_equal(image[..., ::-1], SMOOTH)


def test_a_missing_reader_of_heic_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(image_formats, "find_spec", lambda name: None)
    (tmp_path / "photo.heic").write_bytes(heic(SMOOTH))
    with pytest.raises(InputError, match=r'"photo\.heic" is a HEIC image.*pip install pi-heif'):
        read_image(tmp_path / "photo.heic")
    source = open_source(tmp_path)
    assert list(source) == []
    assert "pi-heif" in source.failures[0]


def test_more_pixels_than_allowed_are_refused_before_they_are_decoded():
    data = bytearray(EXACT[".gif"][0])
    data[6:10] = b"\xff\xff\xff\xff"  # the logical screen: 65535 x 65535
    with pytest.raises(InputError, match=r"photo\.gif.*more pixels than are allowed"):
        decode_image(bytes(data), "photo.gif")


# ------------------------------------------------------------------------------ folders of photos


def test_extract_finds_the_face_in_every_format_and_names_the_rest(astronaut, tmp_path):
    frames, out = tmp_path / "photos", tmp_path / "aligned"
    frames.mkdir()
    face = np.ascontiguousarray(astronaut[:256, 100:356, ::-1])
    kinds = {"avif": "AVIF", "gif": "GIF", "jp2": "JPEG2000", "tga": "TGA", "jfif": "JPEG"}
    for suffix, kind in kinds.items():
        (frames / f"of {suffix}.{suffix}").write_bytes(encoded(face, kind))
    for name in ("raw.CR2", "layers.psd", "movie.mov", "notes.txt", "IMG_1.AAE", ".hidden.psd"):
        (frames / name).write_bytes(b"x")
    (frames / "folder.psd").mkdir()
    report = extract.run(ExtractOptions(input_dir=frames, output_dir=out))
    assert report.counts == {"frames": 5, "faces": 5}
    assert {info.source_name for _, info in Faceset.open(out)} == {f"of {s}.{s}" for s in kinds}
    note = 'passed over in "photos" (3): layers.psd, movie.mov, raw.CR2'
    assert report.notes["the footage"] == [note]
    assert note in str(report)


def test_a_folder_of_nothing_but_others_names_them(tmp_path):
    for number in range(30):
        (tmp_path / f"{number}.cr2").write_bytes(b"x")
    with pytest.raises(InputError, match=r"only 30 other files: 0\.cr2, .*, 19\.cr2 and 10 more"):
        open_source(tmp_path)


def test_import_names_what_it_passes_over(tmp_path):
    (tmp_path / "0.png").write_bytes(EXACT[".png"][0])
    (tmp_path / "pack.pak").write_bytes(b"x")
    report = import_dfl.run(ImportOptions(input_dir=tmp_path, output_dir=tmp_path / "out"))
    assert re.search(r"passed over in .*: pack\.pak", str(report))


def test_an_animated_gif_is_a_video_still(tmp_path):
    frames = [Image.fromarray(np.roll(FEW_COLORS, 9 * shift, 1)) for shift in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert len(list(open_source(tmp_path / "a.gif"))) == 3
