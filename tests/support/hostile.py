"""Files made to harm their readers: pictures and videos that claim or unpack to too much."""

import struct
import zlib

import av
import cv2
import numpy as np

from facelib.png import SIGNATURE, chunk

SIDE = 30_000
MB = 1 << 20


def png(width, height, data=b"", extra=b"", depth=8, kind=2):
    """A PNG with this header, `data` as its compressed pixels and chunks `extra` before them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return SIGNATURE + header + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def pixels(width, height):
    """Compressed rows of one color."""
    packer, row = zlib.compressobj(1), b"\0" + b"\x55" * 3 * width
    return b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])


def with_size(picture, suffix, side, settings=()):
    """A picture encoded by OpenCV whose JPEG header claims another size."""
    data = bytearray(cv2.imencode(suffix, picture, list(settings))[1].tobytes())
    for marker in (b"\xff\xc0", b"\xff\xc2"):
        at = data.find(marker)
        if at > 0:
            data[at + 5 : at + 9] = struct.pack(">HH", side, side)
    return bytes(data)


def pictures():
    """{file name: bytes} of pictures, each of which must cost a sentence or be read."""
    small = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    whole = cv2.imencode(".png", small)[1].tobytes()
    bmp = bytearray(cv2.imencode(".bmp", small)[1].tobytes())
    bmp[18:26] = struct.pack("<ii", SIDE, SIDE)
    bomb = zlib.compress(bytes(128 * MB), 9)
    text = chunk(b"zTXt", b"Comment\0\0" + bomb)
    profile = chunk(b"iCCP", b"x\0\0" + bomb)
    frames = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)) + chunk(
        b"fcTL", struct.pack(">IIIIIHHBB", 0, SIDE, SIDE, 0, 0, 1, 1, 0, 0)
    )
    tiff = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 8)
    for tag, kind, value in ((256, 4, SIDE), (257, 4, SIDE), (258, 3, 8), (259, 3, 1), (262, 3, 1),
                             (273, 4, 200), (277, 3, 1), (279, 4, 9)):  # fmt: skip
        tiff += struct.pack("<HHII", tag, kind, 1, value)
    progressive = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    return {
        "header only.png": png(SIDE, SIDE),
        "header and pixels.png": png(SIDE, SIDE, pixels(SIDE, 50)),
        "no width.png": png(0, 5, pixels(1, 5)),
        "largest header.png": png(2**31 - 1, 2**31 - 1),
        "just under the limit.png": png(10_000, 10_000, pixels(10_000, 10_000)),
        "sixteen bits.png": png(500, 500, pixels(1000, 500), depth=16),
        "unpacks to more than it has.png": png(32, 32, bomb),
        "text bomb.png": png(32, 32, pixels(32, 32), text),
        "profile bomb.png": png(32, 32, pixels(32, 32), profile),
        "animated.png": png(32, 32, pixels(32, 32), frames),
        "chunk without end.png": SIGNATURE + struct.pack(">I", 2**31 - 1) + b"IHDR" + bytes(20),
        "half.png": whole[: len(whole) // 2],
        "empty.png": b"",
        "nothing but a signature.png": SIGNATURE,
        "zeros.png": bytes(MB),
        "jpeg header.jpg": with_size(small, ".jpg", SIDE),
        "largest jpeg header.jpg": with_size(small, ".jpg", 65_500),
        "progressive.jpg": with_size(small, ".jpg", SIDE, progressive),
        "progressive under the limit.jpg": with_size(small, ".jpg", 10_000, progressive),
        "half jpeg.jpg": cv2.imencode(".jpg", small)[1].tobytes()[:900],
        "bitmap.bmp": bytes(bmp),
        "tiff.tif": tiff + bytes(100),
        "gray map.png": b"P6\n30000 30000\n255\n" + bytes(100),
        "gif.png": b"GIF89a" + struct.pack("<HH", SIDE, SIDE) + bytes(30),
        "webp.webp": b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<I", 10)
        + bytes(4) + (16_382).to_bytes(3, "little") * 2 + bytes(20),
    }  # fmt: skip


READABLE = {
    "just under the limit.png", "sixteen bits.png", "unpacks to more than it has.png",
    "text bomb.png", "profile bomb.png",
}  # fmt: skip
"""Those of `pictures()` that are whole, for all their oddities."""
LARGE = {"just under the limit.png"}


def video(path, width, height):
    """A video that says 64 x 48, whose second and third frame are whole and larger."""
    data = png(width, height, pixels(width, height))
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        first = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(first))
        for number in (1, 2):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, number, number, True
            container.mux(packet)
    return path
