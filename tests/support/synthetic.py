"""Faces, face folders and clips that are made here, so that tests know the truth about them.

Landmarks are the 3-D head of `facelib.pose` seen by a pinhole camera; pictures are drawn to fit.
The drawings are for geometry, files and colors; a detector needs the photograph `astronaut`.
"""

from fractions import Fraction

import av
import cv2
import numpy as np

from facelib import geometry
from facelib import landmarks as lm
from facelib.faceset import FaceInfo, write_face
from facelib.pose import HEAD
from facelib.types import FaceType, Rect

CENTERED_HEAD = HEAD - HEAD.mean(axis=0)
HEAD_WIDTH = np.ptp(HEAD[:, 0])


def rotation(pitch, yaw, roll):
    """Rz(roll) Ry(yaw) Rx(pitch), degrees; y points down, z away from the camera."""
    (cx, cy, cz), (sx, sy, sz) = (f(np.radians([pitch, yaw, roll])) for f in (np.cos, np.sin))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def reference_landmarks():
    """The face of DeepFaceLab's figures: mean face and half-elliptic jaw, turned by 10 degrees."""
    angle = np.pi * np.arange(17) / 16
    jaw = np.c_[0.49 + 0.56 * np.cos(np.pi - angle), 0.2 + 0.9 * np.sin(angle)]
    cos, sin = np.cos(np.radians(10)), np.sin(np.radians(10))
    turned = np.r_[jaw, geometry.MEAN_FACE] @ np.array([[cos, sin], [-sin, cos]])
    return turned * 150 + [400, 250]


def open_mouth(amount):
    """The 3-D head (68, 3) with its jaw dropped; 1 is a wide open mouth."""
    head = CENTERED_HEAD.copy()
    drop = np.zeros(68)
    drop[3:14] = np.sin(np.linspace(0.2, np.pi - 0.2, 11))
    drop[[55, 56, 57, 58, 59, 65, 66, 67]] = 1
    drop[[48, 54, 60, 64]] = 0.3
    head[:, 1] += 22 * amount * drop
    return head


def make_landmarks(  # noqa: PLR0913 - a camera and a head have many knobs
    yaw=0.0,
    pitch=0.0,
    roll=0.0,
    *,
    center=(128.0, 128.0),
    width=130.0,
    distance=800.0,
    head=None,
    noise=0.0,
    seed=0,
):
    """(68, 2) float32 landmarks of a head seen by a pinhole camera.

    `center`: where the head's middle is; `width`: pixels from ear to ear when frontal; `distance`:
    of the head in millimeters, smaller is stronger perspective; `noise`: deviation in pixels.
    """
    head = CENTERED_HEAD if head is None else head
    points = head @ rotation(pitch, yaw, roll).T + [0, 0, distance]
    flat = points[:, :2] / points[:, 2:] * distance * width / HEAD_WIDTH + center
    flat += np.random.default_rng(seed).normal(0, noise, flat.shape) if noise else 0
    return flat.astype(np.float32)


def draw_face(landmarks, shape=(256, 256), seed=0, identity=0, blur=0.0):
    """(h, w, 3) uint8 BGR: a face with these landmarks on a textured background.

    `identity` sets the colors of skin, hair and lips; `seed` light, texture and background; `blur`
    (pixels) the sharpness.
    """
    person, scene = np.random.default_rng([7, identity]), np.random.default_rng([11, seed])
    skin = np.array([110, 140, 200]) + person.integers(-45, 45, 3)
    hair, lips = person.integers(15, 90, 3), np.array([90, 80, 170]) + person.integers(-30, 30, 3)
    height, width = shape
    coarse = scene.integers(40, 160, (6, 6, 3)).astype(np.float32)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    points = np.asarray(landmarks, np.float64)

    def fill(indices, color, grow=1.0, shift=(0.0, 0.0)):
        part = points[indices]
        part = (part - part.mean(axis=0)) * grow + part.mean(axis=0) + shift
        hull = cv2.convexHull(np.rint(part * 16).astype(np.int32))
        cv2.fillConvexPoly(image, hull, [float(c) for c in color], lineType=cv2.LINE_AA, shift=4)

    up = points[27] - points[8]
    side = np.hypot(*up)
    fill(np.r_[lm.JAW, 17:27], hair, 1.25, up * 0.25)
    fill(np.r_[lm.JAW, 17:27], skin, 1.08, up * 0.08)
    fill(lm.JAW, skin * 0.97)
    fill(lm.NOSE, skin * 0.85)
    for brow in (lm.RIGHT_BROW, lm.LEFT_BROW):
        line = np.rint(points[brow] * 16).astype(np.int32)
        cv2.polylines(image, [line], False, hair.tolist(), max(1, round(side / 40)), cv2.LINE_AA, 4)
    for eye in (lm.RIGHT_EYE, lm.LEFT_EYE):
        fill(eye, (235, 235, 235))
        middle = np.rint(points[eye].mean(axis=0) * 16).astype(int).tolist()
        radius = int(16 * np.hypot(*(points[eye[0]] - points[eye[3]])) * 0.2)
        cv2.circle(image, middle, radius, (40.0, 30.0, 25.0), -1, cv2.LINE_AA, 4)
    fill(lm.MOUTH[:12], lips)
    fill(lm.MOUTH[12:], lips * 0.35)
    image += scene.normal(0, 6, shape)[..., None] + scene.normal(
        0, 3, image.shape
    )  # pores and camera noise
    image *= np.linspace(*scene.uniform(0.8, 1.2, 2), width)[None, :, None]  # light from one side
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def make_info(points, size=128, face_type=FaceType.FULL, /, **changes):
    """A sane FaceInfo for a face with (68, 2) `points` in its frame; `changes` replace fields."""
    matrix = geometry.crop_matrix(points, size, face_type)
    values = {
        "face_type": face_type,
        "size": size,
        "landmarks": geometry.apply(matrix, points),
        "source_landmarks": np.asarray(points, np.float32),
        "source_rect": Rect(*points.min(axis=0).tolist(), *points.max(axis=0).tolist()),
        "source_name": "000000.png",
        "source": "clip.mp4",
        "frame_index": 0,
        "time": 0.0,
        "face_index": 0,
        "detector": "yunet",
        "landmarker": "mesh",
        "score": 0.95,
        "quality": 4.0,
        "matrix": matrix,
    }
    return FaceInfo(**(values | changes))


def make_faceset(folder, count, seed=0, size=128, identity=0, face_type=FaceType.FULL):
    """Write `count` face files of one person into `folder`; their paths in order.

    Frame i is `00000i.png` of "clip.mp4" at 25 fps; pose, mouth, light and sharpness vary.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(count):
        rng = np.random.default_rng([seed, identity, index])
        landmarks = make_landmarks(
            rng.uniform(-45, 45), rng.uniform(-15, 15), rng.uniform(-10, 10),
            head=open_mouth(rng.uniform()), center=rng.uniform(115, 140, 2),
            width=rng.uniform(100, 140),
        )  # fmt: skip
        frame = draw_face(landmarks, (256, 256), [seed, index], identity, blur=rng.uniform(0, 2))
        whole = face_type is FaceType.MARK_ONLY
        info = make_info(
            landmarks, 256 if whole else size, face_type,
            source_name=f"{index:06d}.png", frame_index=index, time=index / 25,
        )  # fmt: skip
        picture = frame if whole else geometry.warp_face(frame, info.matrix, size)
        paths.append(folder / f"{index:06d}_0.png")
        write_face(paths[-1], picture, info)
    return paths


def make_frames(count, size=(160, 120), seed=0, identity=0):
    """Pairs (frame (h, w, 3) uint8 BGR, landmarks (68, 2)) of a head that turns and speaks."""
    width, height = size
    frames = []
    for index in range(count):
        phase = 2 * np.pi * index / max(count, 1)
        landmarks = make_landmarks(
            25 * np.sin(phase), 8 * np.cos(phase),
            center=(width * (0.5 + 0.05 * np.sin(phase)), height * 0.55), width=height * 0.5,
            head=open_mouth(0.5 - 0.5 * np.cos(3 * phase)),
        )  # fmt: skip
        frames.append((draw_face(landmarks, (height, width), seed, identity), landmarks))
    return frames


def make_video(path, images, rate=25, audio=True):
    """Write images (h, w, 3) uint8 BGR, even sides, as H.264 with an AAC tone as long; the path."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(rate))
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt, video.options = "yuv420p", {"crf": "16", "preset": "ultrafast"}
        sound = container.add_stream("aac", rate=44100, layout="mono") if audio else None
        for image in images:
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(video.encode())
        if sound is not None:
            _add_tone(container, sound, seconds=len(images) / rate)
    return path


def _add_tone(container, stream, seconds):
    rate, step = 44100, 1024
    wave = np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate).astype(np.float32)
    for start in range(0, len(wave), step):
        frame = av.AudioFrame.from_ndarray(
            wave[None, start : start + step], format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts = rate, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
