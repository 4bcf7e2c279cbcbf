"""Every pixel format and color matrix, in 8 and in 16 bits, on every way in and out.

Oracles: the equations of ITU-T H.273 in float64, libswscale's own conversion, PyAV and OpenCV.
"""

import av
import cv2
import numpy as np
import pytest
from av.video.format import names
from av.video.reformatter import ColorRange, VideoReformatter
from support.clips import picture, write_frames_16

from tools.video import denoise, extract, make
from tools.video.options import DenoiseOptions, ExtractFramesOptions, MakeOptions
from utils.errors import InputError
from utils.files import list_images
from utils.video.color import QUALITY, FromBgr, ToBgr
from utils.video.io import open_source

LUMA = {1: (0.2126, 0.0722), 4: (0.3, 0.11), 5: (0.299, 0.114), 7: (0.212, 0.087)}
LUMA |= {6: LUMA[5], 9: (0.2627, 0.0593)}
YCGCO = 8
COLORS = np.array(
    [[0, 0, 0], [255, 255, 255], [128, 128, 128], [0, 0, 255], [0, 255, 0], [255, 0, 0],
     [140, 170, 225], [90, 60, 40]],
    np.uint8,
)  # fmt: skip
PATCH = 16
CHART = COLORS[None].repeat(PATCH, 0).repeat(PATCH, 1)  # (16, 128, 3)
CENTERS = np.s_[PATCH // 2, PATCH // 2 :: PATCH]


def bgr_of(planes, bits, matrix, full):
    """H.273, equations 20 to 34 and 45 to 50, inverted: (H, W, 3) float64 0..1."""
    scale = 2.0 ** (bits - 8)
    y, u, v = (plane.astype(float) for plane in planes)
    if full:
        top = 2**bits - 1
        y, u, v = y / top, (u - 128 * scale) / top, (v - 128 * scale) / top
    else:
        y, u, v = (y / scale - 16) / 219, (u / scale - 128) / 224, (v / scale - 128) / 224
    if matrix == YCGCO:
        return np.dstack([y - u - v, y + u, y - u + v])
    red, blue = LUMA[matrix]
    r, b = y + (2 - 2 * red) * v, y + (2 - 2 * blue) * u
    return np.dstack([b, (y - red * r - blue * b) / (1 - red - blue), r])


def frame_of(planes, name, color_range=0, matrix=2, channels=1):
    height, width = planes[0].shape[0], planes[0].shape[1] // channels
    frame = av.VideoFrame(width, height, name)
    kind = {8: "u1", 32: "f4"}.get(frame.format.components[0].bits, "u2")
    kind = (">" if name.endswith("be") else "<") + ("f2" if "f16" in name else kind)
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size // np.dtype(kind).itemsize), kind)
        rows[:, : values.shape[1]] = values
        plane.update(rows.tobytes())
    frame.color_range, frame.colorspace = color_range, matrix
    return frame


def converted(frame):
    return ToBgr(frame)(frame), ToBgr(frame).to_16_bit(frame)


def assert_exact(frame, wanted):
    """Within one step of 16 bits, and of 8 bits."""
    image, image16 = converted(frame)
    wanted = np.clip(wanted.astype(float), 0, 1)
    assert np.abs(image16 - wanted * 65535).max() <= 1
    assert np.abs(image - wanted * 255).max() <= 1


def test_every_format_is_read_as_ffmpeg_reads_it_or_refused_by_its_name():
    """Patches, so that subsampled chroma does not matter; limited gray has its own test."""
    read, refused = set(), set()
    scaler = VideoReformatter()
    chart = av.VideoFrame.from_ndarray(CHART, format="bgr24")
    for name in sorted(names):
        known = av.VideoFormat(name, 16, 16)
        rgb = known.is_rgb or name.startswith(("yuvj", "gray", "ya", "mono"))
        try:
            frame = scaler.reformat(
                chart, format=name, dst_colorspace=1, dst_color_range=2 if rgb else 1
            )
        except (OSError, ValueError):  # FFmpeg itself cannot write it
            frame = None
        if frame is None:
            try:
                converted(av.VideoFrame(64, 32, name))
            except (InputError, ValueError):
                refused.add(name)  # some even PyAV does not know
            continue
        try:
            image, image16 = converted(frame)
        except InputError as problem:
            refused.add(name if name in str(problem) else str(problem))
            continue
        if name.startswith("grayf"):  # libswscale takes 16/255 for black; the range is 0..1
            continue
        theirs = scaler.reformat(
            frame, format="bgr24", src_colorspace=1, dst_color_range=2, interpolation=QUALITY
        ).to_ndarray()
        assert np.abs(image.astype(int) - theirs)[CENTERS].max() <= 1, name
        assert np.abs(image16 / 257 - theirs)[CENTERS].max() <= 1.5, name
        read.add(name)
    assert len(read) > 190
    assert {"cuda", "vaapi", "gray32le", "y210be", "rgb96le"} <= refused
    assert refused <= set(names)
    assert not {name for name in refused if name.startswith(("yuv", "nv", "p0", "gbrp"))}


@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 16])
@pytest.mark.parametrize("end", ["le", "be"])
def test_gray_of_every_depth_in_either_range(bits, end):
    name = "gray" if bits == 8 else f"gray{bits}{end}"
    ramp = np.linspace(0, 2**bits - 1, 2048).round().astype(int).reshape(16, 128)
    full = np.repeat((ramp / (2**bits - 1))[..., None], 3, axis=2)
    assert_exact(frame_of([ramp], name, 2), full)
    limited = np.repeat(((ramp / 2.0 ** (bits - 8) - 16) / 219)[..., None], 3, axis=2)
    assert_exact(frame_of([ramp], name, 1), limited)


@pytest.mark.parametrize("name", ["grayf16le", "grayf16be", "grayf32le", "grayf32be"])
def test_gray_of_floating_point_reaches_from_0_to_1(name):
    ramp = np.linspace(-0.2, 1.2, 2048).reshape(16, 128).astype(np.float16)
    assert_exact(frame_of([ramp], name), np.dstack([ramp] * 3))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [*LUMA, YCGCO])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_yuv_is_exact(bits, matrix, full):
    rng = np.random.default_rng(bits)
    planes = rng.integers(2 ** (bits - 3), 7 * 2 ** (bits - 3), (3, 24, 32))
    frame = frame_of(planes, f"yuv444p{bits}le", 2 if full else 1, matrix)
    wanted = np.clip(bgr_of(planes, bits, matrix, full), 0, 1)
    image, image16 = converted(frame)
    assert np.abs(image16 - wanted * 65535).max() <= 1
    assert np.abs(image - wanted * 255).max() <= 2  # libswscale, from rounded coefficients


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", ["yuv444p", "yuv420p"])
def test_ycgco_of_8_bits(name, full):
    levels = np.random.default_rng(1).integers(40, 200, (3, 1, 8)).repeat(PATCH, 1).repeat(PATCH, 2)
    planes = [plane if place == 0 or "444" in name else plane[::2, ::2]
              for place, plane in enumerate(levels)]  # fmt: skip
    frame = frame_of(planes, name, 2 if full else 1, YCGCO)
    wanted = np.clip(bgr_of(levels, 8, YCGCO, full), 0, 1)[CENTERS]
    image, image16 = converted(frame)
    assert np.abs(image[CENTERS] - wanted * 255).max() <= 1
    assert np.abs(image16[CENTERS] - wanted * 65535).max() <= 1
    assert ToBgr(frame).color.matrix == 6  # small: results are written in BT.601


@pytest.mark.parametrize("matrix", [11, 12, 13, 14, 15, 16, 17])
def test_a_matrix_that_is_not_known_is_refused_by_name(matrix):
    frame = frame_of(np.full((3, 16, 16), 128), "yuv444p", 1, matrix)
    with pytest.raises(InputError, match=r"color matrix \w.* cannot be read"):
        ToBgr(frame)


@pytest.mark.parametrize("end", ["le", "be"])
@pytest.mark.parametrize(
    "name", ["gbrp9", "gbrp10", "gbrp12", "gbrp14", "gbrp16", "gbrap10", "gbrap16", "gbrpf32",
             "gbrpf16"],
)  # fmt: skip
def test_planar_rgb_is_exact(name, end):
    floats = "f" in name
    bits = 16 if floats else int(name.removeprefix("gbrap").removeprefix("gbrp"))
    planes = np.random.default_rng(2).random((4 if "gbrap" in name else 3, 16, 24))
    stored = planes if floats else np.rint(planes * (2**bits - 1)).astype(int)
    if name == "gbrpf16":
        stored = stored.astype(np.float16)
    g, b, r = (stored / (1 if floats else 2**bits - 1))[:3]
    assert_exact(frame_of(list(stored), name + end), np.dstack([b, g, r]))


@pytest.mark.parametrize("name", ["rgb48", "bgr48", "rgba64", "bgra64"])
@pytest.mark.parametrize("end", ["le", "be"])
def test_packed_rgb_of_16_bits_stays_what_it_is(name, end):
    channels = 4 if "a" in name else 3
    pixels = np.random.default_rng(3).integers(0, 65536, (16, 24, channels), dtype=np.uint16)
    frame = frame_of([pixels.reshape(16, -1)], name + end, channels=channels)
    wanted = pixels[..., :3] if name.startswith("bgr") else pixels[..., 2::-1]
    assert np.array_equal(ToBgr(frame).to_16_bit(frame), wanted)
    assert np.array_equal(ToBgr(frame)(frame), np.rint(wanted / 257))


@pytest.mark.parametrize("matrix", LUMA)
@pytest.mark.parametrize("depth", [8, 16])
def test_what_is_written_with_more_than_8_bits_is_exact(matrix, depth):
    rng = np.random.default_rng(4)
    image = rng.integers(0, 2**depth, (17, 30, 4), dtype=f"u{depth // 8}")
    share = image / (2**depth - 1)
    frame = FromBgr(matrix, "yuva444p10le")(image)
    planes = [
        np.frombuffer(bytes(plane), "<u2").reshape(plane.height, -1)[:, : plane.width]
        for plane in frame.planes
    ]
    back = bgr_of(planes[:3], 10, matrix, full=False)
    assert np.abs(planes[3] - share[..., 3] * 1023).max() <= 0.5
    red, blue = LUMA[matrix]
    luma = share[..., :3] @ np.array([blue, 1 - red - blue, red])
    assert np.abs(planes[0] - (64 + 876 * luma)).max() <= 0.51
    assert np.abs(back - share[..., :3]).max() <= 2 / 876
    half = FromBgr(matrix, "yuv420p10le")(image)
    assert np.frombuffer(bytes(half.planes[0]), "<u2").reshape(18, -1)[:17, :30].tolist() == (
        planes[0].tolist()
    )
    for name in ("rgb48le", "rgb48be", "rgba64le", "rgba64be"):
        written = FromBgr(matrix, name)(image[..., : 4 if "rgba" in name else 3])
        wide = image.astype(np.uint16) * (257 if depth == 8 else 1)
        found = written.to_ndarray()
        assert np.array_equal(found[..., :3], wide[..., 2::-1])
        assert found.shape[2] == 3 or np.array_equal(found[..., 3], wide[..., 3])


@pytest.mark.slow  # libswscale takes seconds to prepare each tone mapping
def test_hdr_of_16_bits_is_the_same_picture_as_that_of_8():
    """PQ: black, and white above the brightest that is shown, are the ends of both."""
    luma = np.linspace(64, 940, 64).round().astype(int)[None].repeat(16, 0)
    frame = frame_of([luma, np.full((8, 32), 512), np.full((8, 32), 512)], "yuv420p10le", 1, 9)
    frame.color_trc, frame.color_primaries = 16, 9
    image, image16 = converted(frame)
    assert np.abs(image16 / 257 - image).max() <= 1.5
    assert image16[8, -1].tolist() == [65535] * 3
    assert image16[8, 0].max() < 257


def deep_images(count=3):
    rng = np.random.default_rng(5)
    noise = rng.integers(-128, 129, (count, 120, 160, 3))
    smooth = np.stack([picture(place) for place in range(count)]).astype(int) * 257
    return np.clip(smooth + noise, 0, 65535).astype(np.uint16)


def test_a_video_of_deep_images_has_their_values(tmp_path):
    """FFV1 of 16 bits is lossless: PyAV reads what OpenCV wrote."""
    deep = deep_images()
    write_frames_16(tmp_path / "in", deep)
    chosen = MakeOptions(input_dir=tmp_path / "in", output_file=tmp_path / "x.mkv", codec="ffv1")
    make.run(chosen)
    with av.open(str(tmp_path / "x.mkv")) as container:
        found = [frame.to_ndarray(format="rgb48le") for frame in container.decode(video=0)]
    assert np.array_equal(np.stack(found)[..., ::-1], deep)
    source = open_source(tmp_path / "x.mkv")
    source.wants_16_bit = True
    for frame, wanted in zip(source, deep, strict=True):
        assert np.array_equal(frame.image16, wanted)
        assert np.array_equal(frame.image, np.rint(wanted / 257))
    report = make.run(
        MakeOptions(input_dir=tmp_path / "in", output_file=tmp_path / "y.mp4", codec="h264")
    )
    assert any("16 bits per channel, the result 8" in note for note in report.notes["the result"])


def test_a_folder_whose_first_image_has_8_bits_is_deep_all_the_same(tmp_path):
    write_frames_16(tmp_path / "in", deep_images())
    cv2.imwrite(str(tmp_path / "in" / "000000.png"), picture(0))
    source = open_source(tmp_path / "in")
    assert source.video_format.depth == 16
    chosen = MakeOptions(input_dir=tmp_path / "in", output_file=tmp_path / "x.mkv", codec="ffv1")
    make.run(chosen)
    with av.open(str(tmp_path / "x.mkv")) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb48le")
    assert np.array_equal(first[..., ::-1], picture(0).astype(np.uint16) * 257)


def test_white_and_black_are_the_ends_in_images_of_a_deep_video(tmp_path):
    levels = np.array([64, 940, 502]).repeat(32)[None].repeat(32, 0)
    frame = frame_of([levels, np.full((32, 96), 512), np.full((32, 96), 512)], "yuv444p10le", 1, 1)
    with av.open(str(tmp_path / "x.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 32, "yuv444p10le"
        stream.codec_context.colorspace, stream.codec_context.color_range = 1, 1
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    extract.run(
        ExtractFramesOptions(
            input_file=tmp_path / "x.mkv", output_dir=tmp_path / "out", bit_depth="16"
        )
    )
    image = cv2.imread(str(tmp_path / "out" / "000000.png"), cv2.IMREAD_UNCHANGED)
    assert image[16, 16::32, 1].tolist() == [0, 65535, round(65535 / 2)]


def test_denoise_keeps_the_16_bits_of_a_folder(tmp_path):
    deep = deep_images(6)
    write_frames_16(tmp_path / "in", deep)
    denoise.run(
        DenoiseOptions(input_dir=tmp_path / "in", output_dir=tmp_path / "out", strength=0.5)
    )
    for path, before in zip(list_images(tmp_path / "out"), deep, strict=True):
        after = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert after.dtype == np.uint16
        assert len(np.unique(after)) > 1000
        assert np.abs(after.astype(int) - before)[60:].max() < 600


def test_a_mosaic_of_one_level_and_limited_range_by_way_of_a_file(tmp_path):
    frame = frame_of([np.full((32, 32), 50000)], "bayer_rggb16le")
    assert (ToBgr(frame).to_16_bit(frame) == 50000).all()
    gray = frame_of([np.full((32, 32), 940)], "gray10le", ColorRange.MPEG)
    with av.open(str(tmp_path / "x.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "gray10le"
        stream.codec_context.color_range = 1
        container.mux(stream.encode(gray))
        container.mux(stream.encode(None))
    assert (next(iter(open_source(tmp_path / "x.mkv"))).image == 255).all()
