"""utils.video.io: colors read and written, against the equations of the standards."""

import av
import cv2
import numpy as np
import pytest
from support.clips import copy, first_image, folder_of, picture

from utils.video.codecs import EncoderSettings
from utils.video.io import open_source
from utils.video.sink import open_sink

# black, white, gray, the six pure colors, skin, and something dull (BGR)
COLORS = np.array(
    [
        [0, 0, 0],
        [255, 255, 255],
        [128, 128, 128],
        [0, 0, 255],
        [0, 255, 0],
        [255, 0, 0],
        [255, 255, 0],
        [0, 255, 255],
        [255, 0, 255],
        [140, 170, 225],
        [90, 60, 40],
    ],
    np.uint8,
)
PATCH = 32
CHART = COLORS[None].repeat(PATCH, 0).repeat(PATCH, 1)  # (32, 352, 3), one patch per color
CENTERS = np.s_[PATCH // 2, PATCH // 2 :: PATCH]


LUMA = {"709": (0.2126, 0.0722), "601": (0.299, 0.114), "2020": (0.2627, 0.0593)}
CODE = {"709": 1, "601": 6, "2020": 9}


def to_yuv(bgr, matrix, full, bits=8):
    """ITU-R BT.601, BT.709 and BT.2020: the same equations with other weights."""
    kr, kb = LUMA[matrix]
    b, g, r = np.moveaxis(bgr / 255.0, -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    scale = 2 ** (bits - 8)
    if full:
        top = 2**bits - 1
        planes = (y * top, u * top + 128 * scale, v * top + 128 * scale)
    else:
        planes = ((16 + 219 * y) * scale, (128 + 224 * u) * scale, (128 + 224 * v) * scale)
    return [np.rint(np.clip(plane, 0, 2**bits - 1)).astype(np.int64) for plane in planes]


def plane_of(frame, index):
    plane = frame.planes[index]
    rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width].astype(int)


def write_planes(path, planes, pix_fmt, codec="ffv1", tags=(2, 2, 2, 0)):
    """Write one lossless frame; `tags`: matrix, primaries, transfer, range (code points)."""
    bits = 10 if "10le" in pix_fmt else 8
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pix_fmt)
    for plane, values in zip(frame.planes, planes, strict=True):
        down, across = height // plane.height, width // plane.width
        values = values[::down, ::across].astype("<u2" if bits > 8 else np.uint8)
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        packed = np.ascontiguousarray(values).view(np.uint8).reshape(plane.height, -1)
        rows[:, : packed.shape[1]] = packed
        plane.update(rows.tobytes())
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = tags
        frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = tags
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", CODE)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv422p10le"])
def test_every_matrix_and_range_is_read(tmp_path, pix_fmt, matrix, full):
    planes = to_yuv(CHART, matrix, full, 10 if "10le" in pix_fmt else 8)
    tags = (CODE[matrix], 2, 2, 2 if full else 1)
    image = first_image(write_planes(tmp_path / "x.mkv", planes, pix_fmt, tags=tags))
    assert np.abs(image[CENTERS].astype(int) - COLORS).max() <= 2


@pytest.mark.parametrize(("height", "matrix"), [(480, "601"), (576, "601"), (720, "709")])
def test_colors_without_tags_are_what_players_take_them_for(tmp_path, height, matrix):
    chart = CHART[:1].repeat(height, 0)
    path = write_planes(tmp_path / "x.mkv", to_yuv(chart, matrix, full=False), "yuv420p")
    assert np.abs(first_image(path)[CENTERS].astype(int) - COLORS).max() <= 2


@pytest.mark.parametrize("limited", [False, True])
def test_gray_is_read_in_either_range(tmp_path, limited):
    ramp = np.arange(256).reshape(1, 256).repeat(16, 0)
    gray = np.rint(16 + ramp * 219 / 255).astype(int) if limited else ramp
    tags = (2, 2, 2, 1 if limited else 2)
    image = first_image(write_planes(tmp_path / "x.mkv", [gray], "gray", tags=tags))
    assert image.shape == (16, 256, 3)
    assert np.abs(image.astype(int) - ramp[..., None]).max() <= 1


@pytest.mark.parametrize("pix_fmt", ["bgr24", "bgra"])
def test_rgb_and_alpha_are_read(tmp_path, pix_fmt):
    image = CHART if pix_fmt == "bgr24" else np.dstack([CHART, np.full(CHART.shape[:2], 99)])
    frame = av.VideoFrame.from_ndarray(image.astype(np.uint8), format=pix_fmt)
    with av.open(str(tmp_path / "x.mov"), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height = CHART.shape[1::-1]
        stream.pix_fmt = "rgb24" if pix_fmt == "bgr24" else "rgba"
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert np.array_equal(first_image(tmp_path / "x.mov"), CHART)


def test_hdr_becomes_ordinary_video(tmp_path):
    """A gray ramp in PQ (SMPTE ST 2084): black stays black, paper white becomes about white."""
    nits = np.array([0, 1, 10, 50, 100, 203])
    power = (nits / 10000) ** (2610 / 16384)
    video_format = (3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)
    luma = np.rint((16 + 219 * video_format ** (2523 / 32)) * 4).astype(int)
    luma = luma.repeat(32)[None].repeat(32, 0)
    planes = [luma, np.full_like(luma, 512), np.full_like(luma, 512)]
    path = write_planes(tmp_path / "x.mkv", planes, "yuv420p10le", tags=(9, 9, 16, 1))
    source = open_source(path)
    (frame,) = source
    levels = frame.image[16, 16::32].astype(int)
    assert np.ptp(levels, axis=1).max() <= 2  # gray stays gray
    assert levels[0, 0] <= 1
    assert (np.diff(levels[:, 0]) > 0).all()
    assert levels[-1, 0] >= 240
    # light is proportional to the level to the power of 2.4 or so: 50 of 203 nits
    assert levels[3, 0] == pytest.approx(255 * (50 / 203) ** (1 / 2.2), abs=20)
    with open_sink(tmp_path / "y.mp4", source) as sink:
        sink.write(frame)
    with av.open(str(tmp_path / "y.mp4")) as container:
        written = next(container.decode(video=0))
    assert (written.colorspace, written.color_primaries, written.color_trc) == (1, 1, 1)


def test_the_other_form_of_bt2020_is_read_like_the_usual_one(tmp_path):
    planes = to_yuv(CHART, "2020", full=False)
    path = write_planes(tmp_path / "x.mkv", planes, "yuv444p", tags=(10, 9, 1, 1))
    assert np.abs(first_image(path)[CENTERS].astype(int) - COLORS).max() <= 2


@pytest.mark.parametrize(("height", "matrix"), [(480, "601"), (720, "709")])
def test_what_is_encoded_is_what_was_meant(tmp_path, height, matrix):
    chart = CHART[:1].repeat(height, 0)
    folder = folder_of(tmp_path / "in", [chart] * 3)
    copy(folder, tmp_path / "y.mp4", encoder=EncoderSettings(crf=10))
    with av.open(str(tmp_path / "y.mp4")) as container:
        frames = list(container.decode(video=0))
    for frame in frames:
        assert (frame.colorspace, frame.color_range) == (CODE[matrix], 1)
        expected = to_yuv(COLORS, matrix, full=False)
        half = np.s_[height // 4, PATCH // 4 :: PATCH // 2]
        found = [plane_of(frame, 0)[CENTERS], plane_of(frame, 1)[half], plane_of(frame, 2)[half]]
        assert max(np.abs(a - b).max() for a, b in zip(expected, found, strict=True)) <= 2
    for frame in open_source(tmp_path / "y.mp4"):
        assert np.abs(frame.image[CENTERS].astype(int) - COLORS).max() <= 4


@pytest.mark.parametrize("matrix", CODE)
def test_the_colors_of_a_video_stay_what_they_are(tmp_path, matrix):
    planes = to_yuv(CHART, matrix, full=True)
    tags = (CODE[matrix], {"709": 1, "601": 6, "2020": 9}[matrix], 1, 2)
    clip = write_planes(tmp_path / "x.mkv", planes, "yuv444p", tags=tags)
    copy(clip, tmp_path / "y.mp4")
    with av.open(str(tmp_path / "y.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == tags[:3]
    copied = first_image(tmp_path / "y.mp4")[CENTERS].astype(int)
    assert np.abs(copied - COLORS).max() <= 4


def test_copies_of_copies_do_not_grow_darker(tmp_path):
    smooth = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8), (0, 0), 4
    )
    smooth = cv2.normalize(smooth, None, 20, 235, cv2.NORM_MINMAX)
    copy(
        folder_of(tmp_path / "in", [smooth] * 2), tmp_path / "1.mp4", encoder=EncoderSettings(crf=4)
    )
    for number in range(1, 5):
        copy(
            tmp_path / f"{number}.mp4",
            tmp_path / f"{number + 1}.mp4",
            encoder=EncoderSettings(crf=4),
        )
    drift = first_image(tmp_path / "5.mp4").astype(float).mean((0, 1)) - smooth.mean((0, 1))
    assert np.abs(drift).max() < 1


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (63, 47)])
def test_odd_sides_get_their_last_line_twice(tmp_path, size):
    width, height = size
    image = picture(2, width, height)
    copy(
        folder_of(tmp_path / "in", [image] * 3), tmp_path / "y.mp4", encoder=EncoderSettings(crf=4)
    )
    found = first_image(tmp_path / "y.mp4").astype(int)
    assert found.shape[:2] == (48, 64)
    inner = found[: height - 2, : width - 2] - image[: height - 2, : width - 2]
    assert np.abs(inner).mean() < 4
    assert np.abs(found[-1] - found[-2]).mean() < 12
