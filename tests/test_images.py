"""Reading and writing pictures: any path, any kind, and no half-read file."""

import cv2
import numpy as np
import pytest
from PIL import Image

from utils import images
from utils.errors import InputError

RNG = np.random.default_rng(0)
COLOR = RNG.integers(0, 256, (9, 7, 3), np.uint8)


def test_round_trip_at_a_unicode_path(tmp_path):
    path = tmp_path / "漢字 🎬 folder" / "ä b.png"
    images.write_image(path, COLOR)
    assert np.array_equal(images.read_image(path), COLOR)


def test_bgr_is_blue_first(tmp_path):
    Image.fromarray(np.full((2, 2, 3), (255, 0, 0), np.uint8)).save(tmp_path / "red.png")
    assert images.read_image(tmp_path / "red.png")[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_rounded(tmp_path, suffix, channels):
    every = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    path = tmp_path / f"every value{suffix}"
    cv2.imwrite(str(path), np.dstack([every] * channels) if channels > 1 else every)
    image = images.read_image(path)
    assert image.dtype == np.uint8
    for channel in range(3):
        np.testing.assert_array_equal(image[..., channel], np.rint(every / 257.0))
    shown, image16 = images.read_image_and_16_bit(path)
    np.testing.assert_array_equal(shown, image)
    np.testing.assert_array_equal(image16, np.dstack([every] * 3))


def test_sixteen_bits_of_a_huge_picture_are_not_decoded_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MOST_16_BIT_PIXELS", 62)
    cv2.imwrite(str(tmp_path / "x.png"), COLOR.astype(np.uint16) * 257)
    shown, image16 = images.read_image_and_16_bit(tmp_path / "x.png")
    assert image16 is None
    np.testing.assert_array_equal(shown, COLOR)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp"])
def test_the_pixels_of_a_picture_are_known_from_its_header(tmp_path, suffix):
    path = tmp_path / f"ü{suffix}"
    path.write_bytes(cv2.imencode(suffix, COLOR)[1].tobytes())
    assert images.pixels_in(path) == 9 * 7
    path.write_bytes(b"no picture")
    assert images.pixels_in(path) == images.pixels_in(tmp_path / "missing") == 0


@pytest.mark.parametrize("kind", ["gray", "alpha", "sixteen", "palette"])
def test_every_kind_becomes_three_channels_of_eight_bits(tmp_path, kind):
    path = tmp_path / "x.png"
    if kind == "gray":
        cv2.imwrite(str(path), COLOR[:, :, 0])
    elif kind == "alpha":
        cv2.imwrite(str(path), np.dstack([COLOR, COLOR[:, :, 0]]))
    elif kind == "sixteen":
        cv2.imwrite(str(path), COLOR.astype(np.uint16) * 257)
    else:
        Image.fromarray(COLOR).convert("P").save(path)
    image = images.read_image(path)
    assert image.shape == (9, 7, 3)
    assert image.dtype == np.uint8
    if kind in ("alpha", "sixteen"):
        assert np.array_equal(image, COLOR)


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_what_is_no_picture_is_one_sentence(tmp_path, data):
    path = tmp_path / "broken.png"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"broken\.png"):
        images.read_image(path)


def test_a_header_that_claims_too_much_is_refused_without_the_memory(tmp_path):
    """A PNG of 100,000 x 100,000 pixels is 30 GB; OpenCV's own limit must become our sentence."""
    data = bytearray(images.encode_image(COLOR))
    data[16:24] = (100_000).to_bytes(4) * 2
    path = tmp_path / "huge.png"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"huge\.png"):
        images.read_image(path)


def test_a_missing_picture_names_the_path(tmp_path):
    with pytest.raises(InputError, match="gone"):
        images.read_image(tmp_path / "gone.png")


def test_float_is_rounded_and_clipped_not_truncated():
    values = np.array([[-0.5, 0.4999 / 255, 0.5001 / 255, 1.7]], np.float32)
    assert images.to_uint8(values).tolist() == [[0, 0, 1, 255]]


def test_every_level_survives_float_and_back():
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(images.to_uint8(images.to_float(levels)), levels)
