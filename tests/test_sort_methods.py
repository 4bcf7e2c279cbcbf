"""Sort methods one by one: data with a known order, and plain loops as oracles."""

import itertools
import random

import cv2
import numpy as np
import pytest
import skimage.color
import skimage.data
from support.sorting import frames_in_order, names_by, order_of, sort, write
from support.synthetic import draw_face, make_faceset, make_info, make_landmarks

from facelib import landmarks as lm
from facelib.detectors.yunet import YuNet
from facelib.faceset import Faceset, read_face, read_info
from facelib.geometry import apply, crop_matrix, warp_face
from facelib.landmarkers.mesh import Mesh
from facelib.types import FaceType
from sorter import features, final, identity, keys
from sorter.job import SortJob

FRONTAL = make_landmarks(center=(64, 64), width=70)


def gray_pictures(folder, levels):
    """Noisy gray pictures, one for each level; the source name is the level."""
    noise = np.random.default_rng(0).normal(0, 12, (64, 64, 3))
    small = make_landmarks(center=(32, 32), width=40)
    for number, level in enumerate(levels):
        picture = np.clip(noise + level, 1, 255).astype(np.uint8)
        write(folder, f"{number:02d}.png", picture, small, source_name=f"{level:03d}.png")


# ------------------------------------------------------------------------------------ sharpness


def test_sharpness_is_what_plain_loops_add_up(faceset):
    for path, info in faceset[:2]:
        image = read_face(path)[0]
        gray8 = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        gray = gray8.astype(int)
        gray *= lm.hull_mask(info.landmarks, gray.shape)[..., 0].astype(int)
        height, width = gray.shape
        total = 0
        for y in range(height):
            for x in range(width):
                if x + 1 < width:
                    total += abs(int(gray[y, x + 1]) - int(gray[y, x]))
                if y + 1 < height:
                    total += abs(int(gray[y + 1, x]) - int(gray[y, x]))
        found = features.sharpness(gray8, features.face_hull(info.landmarks, image))
        assert found == total


@pytest.mark.parametrize("by", ["blur", "focus", "motion-blur"])
def test_defocus_puts_the_sharpest_first(by, tmp_path):
    picture = draw_face(FRONTAL, (128, 128))
    for name, sigma in {"a.png": 4, "b.png": 1, "c.png": 0, "d.png": 2}.items():
        blurred = cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture
        write(tmp_path, name, blurred, FRONTAL, source_name=name)
    sort(tmp_path, by)
    assert frames_in_order(tmp_path) == ["c.png", "b.png", "d.png", "a.png"]


@pytest.mark.parametrize("by", ["blur", "focus", "motion-blur"])
def test_a_soft_face_with_many_pixels_comes_after_a_sharp_one_with_few(by, tmp_path):
    picture = draw_face(FRONTAL, (128, 128))
    many = cv2.resize(picture, (288, 288), interpolation=cv2.INTER_CUBIC)
    points = (FRONTAL + 0.5) * (288 / 128) - 0.5
    write(tmp_path, "a.png", cv2.GaussianBlur(many, (0, 0), 4), points)
    write(tmp_path, "b.png", picture, FRONTAL)
    assert names_by(by, tmp_path) == ["b.png", "a.png"]


def test_focus_is_not_deceived_by_contrast_and_blur_is(tmp_path):
    picture = draw_face(FRONTAL, (128, 128)).astype(np.float32)
    dull = 110 + 0.3 * (picture - 110)
    strong = cv2.GaussianBlur(picture, (0, 0), 1.5)
    for name, made in {"a.png": strong, "b.png": dull}.items():
        write(tmp_path, name, np.rint(made).clip(0, 255).astype(np.uint8), FRONTAL)
    assert names_by("blur", tmp_path) == ["a.png", "b.png"]
    assert names_by("focus", tmp_path) == ["b.png", "a.png"]


def smear(picture, length, angle):
    """Move the camera `length` pixels along `angle` degrees while the shutter is open."""
    side = 2 * length + 1
    kernel = np.zeros((side, side), np.float32)
    end = length / 2 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    a, b = (np.rint((length + s * end) * 16).astype(int).tolist() for s in (-1, 1))
    cv2.line(kernel, a, b, 1.0, 1, cv2.LINE_AA, 4)
    return cv2.filter2D(picture, -1, kernel / kernel.sum())


@pytest.mark.parametrize("angles", [[0] * 4, [90] * 4, [45] * 4, [0, 90, 45, 135]])
def test_motion_blur_puts_the_smeared_last(angles, tmp_path, astronaut):
    face = astronaut[50:178, 160:288]
    for name, length, angle in zip("cadb", [1, 5, 9, 17], angles, strict=True):
        picture = smear(face, length, angle) if length > 1 else face
        write(tmp_path, f"{name}.png", picture, FRONTAL)
    assert names_by("motion-blur", tmp_path) == ["c.png", "a.png", "d.png", "b.png"]


def test_motion_blur_tells_a_smear_from_a_dull_picture(tmp_path, astronaut):
    face = astronaut[50:178, 160:288]
    write(tmp_path, "a.png", smear(face, 9, 30), FRONTAL)
    write(tmp_path, "b.png", (face * 0.3 + 90).astype(np.uint8), FRONTAL)
    assert names_by("motion-blur", tmp_path) == ["b.png", "a.png"]


# ------------------------------------------------------------------------------- pose and landmarks


@pytest.mark.parametrize(("by", "turn"), [("face-yaw", "yaw"), ("face-pitch", "pitch")])
def test_poses_go_from_the_largest_angle_to_the_smallest(by, turn, tmp_path):
    for index, angle in enumerate([-35, 40, 0, 15, -10]):
        landmarks = make_landmarks(**{turn: angle}, center=(64, 64), width=70)
        picture = np.zeros((128, 128, 3), np.uint8)
        write(tmp_path, f"{index}.png", picture, landmarks, source_name=f"{angle}.png")
    sort(tmp_path, by)
    assert frames_in_order(tmp_path) == ["40.png", "15.png", "0.png", "-10.png", "-35.png"]


def test_positive_yaw_brings_the_nose_to_the_image_left_jaw(tmp_path):
    for index, yaw in enumerate([-30, 30]):
        landmarks = make_landmarks(yaw, center=(64, 64), width=70)
        write(tmp_path, f"{index}.png", np.zeros((128, 128, 3), np.uint8), landmarks)
    sort(tmp_path, "face-yaw")
    first = read_info(tmp_path / "00000.png").landmarks
    to_jaw = np.linalg.norm(first[[0, 16]] - first[30], axis=1)
    assert to_jaw[0] < to_jaw[1]


@pytest.mark.parametrize("face_type", [FaceType.HALF, FaceType.FULL])
def test_face_walks_as_a_loop_over_aligned_landmarks_does(face_type, tmp_path):
    make_faceset(tmp_path, count=25, size=128, face_type=face_type)
    faces = Faceset.open(tmp_path)
    order, left = [0], list(range(1, len(faces)))
    while left:
        here = faces[order[-1]][1].landmarks
        distances = [
            sum(abs(float(a) - float(b)) for a, b in
                zip(here.ravel(), faces[other][1].landmarks.ravel(), strict=True))
            for other in left
        ]  # fmt: skip
        order.append(left.pop(int(np.argmin(distances))))
    assert [item.path for item in order_of("face", faces)] == [faces[i][0] for i in order]


def test_face_follows_a_head_that_turns(tmp_path):
    yaws = random.Random(3).sample(range(-36, 37, 4), 19)
    for index, yaw in enumerate([-40, *yaws]):
        landmarks = make_landmarks(yaw, center=(64, 64), width=70)
        picture = np.zeros((128, 128, 3), np.uint8)
        write(tmp_path, f"{index:02d}.png", picture, landmarks, source_name=f"{yaw}.png")
    sort(tmp_path, "face")
    assert frames_in_order(tmp_path) == [f"{yaw}.png" for yaw in range(-40, 37, 4)]


def test_shapes_of_different_face_types_and_sizes_can_be_compared():
    frame = make_landmarks(20, 5, 15, center=(200, 180), width=150)
    wholes = (
        (FaceType.HALF, 64),
        (FaceType.FULL, 256),
        (FaceType.WHOLE, 300),
        (FaceType.HEAD, 128),
        (FaceType.MARK_ONLY, 400),
    )
    shapes = [final.shape_of(make_info(frame, size, kind)) for kind, size in wholes]
    for shape in shapes[1:]:
        np.testing.assert_allclose(shape, shapes[0], atol=1e-5)


def test_face_dissim_adds_up_the_distances_to_all_others(tmp_path):
    make_faceset(tmp_path, count=15)
    faces = Faceset.open(tmp_path)
    sums = [
        sum(np.abs(mine.landmarks.astype(float) - other.landmarks).sum() for _, other in faces)
        for _, mine in faces
    ]
    expected = [faces[i][0] for i in np.argsort(-np.array(sums), kind="stable")]
    assert [item.path for item in order_of("face-dissim", faces)] == expected


# -------------------------------------------------------------------------------------- histograms


def test_hist_chains_neighbors_of_a_gradient(tmp_path):
    levels = [40, *random.Random(1).sample(range(60, 200, 10), 14)]
    gray_pictures(tmp_path, levels)
    sort(tmp_path, "hist")
    assert frames_in_order(tmp_path) == [f"{level:03d}.png" for level in sorted(levels)]


def test_hist_dissim_adds_up_compare_hist_within_the_hull(faceset):
    histograms = []
    for path, info in faceset:
        image = read_face(path)[0]
        mask = lm.hull_mask(info.landmarks, image.shape[:2])[..., 0].astype(np.uint8)
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        histograms.append(cv2.calcHist([gray], [0], mask, [256], [0, 256]))
    sums = [
        sum(cv2.compareHist(a, b, cv2.HISTCMP_BHATTACHARYYA) for b in histograms)
        for a in histograms
    ]
    order = order_of("hist-dissim", faceset)
    assert [item.key for item in order] == pytest.approx(sorted(sums, reverse=True), abs=1e-6)
    expected = [faceset[i][0] for i in np.argsort(-np.array(sums), kind="stable")]
    assert [item.path for item in order] == expected


def test_hist_dissim_puts_the_odd_one_first(tmp_path):
    gray_pictures(tmp_path, [100, 102, 98, 230, 101, 99])
    assert names_by("hist-dissim", tmp_path)[0] == "03.png"


def test_hist_blur_puts_the_sharpest_of_each_group_first(tmp_path):
    for number, (level, sigma) in enumerate(
        random.Random(2).sample(list(itertools.product([40, 120, 210], [0, 0.6, 1.2, 2])), 12)
    ):
        rng = np.random.default_rng(number)
        picture = rng.normal(level, 10, (128, 128, 3)).clip(0, 255).astype(np.uint8)
        picture[40:90:4, 40:90] -= 12
        blurred = cv2.GaussianBlur(picture, (0, 0), sigma) if sigma else picture
        # blurring would change the colors: the background keeps those of the group
        blurred = np.where(lm.hull_mask(FRONTAL, (128, 128)) > 0, blurred, picture)
        write(tmp_path, f"{number:02d}.png", blurred, FRONTAL, source_name=f"{level} {sigma}.png")
    faces = Faceset.open(tmp_path)
    info_of = dict(faces)
    order = order_of("hist-blur", faces)
    groups = [list(own) for _, own in itertools.groupby(order, key=lambda item: item.group)]
    assert len(groups) == 3
    for own in groups:
        names = [info_of[item.path].source_name.removesuffix(".png").split() for item in own]
        assert len({level for level, _ in names}) == 1
        assert [float(sigma) for _, sigma in names] == [0, 0.6, 1.2, 2]


# ------------------------------------------------------------------------------- light and color


def test_brightness_is_the_mean_value_of_hsv(faceset):
    order = order_of("brightness", faceset)
    expected = {
        path: skimage.color.rgb2hsv(read_face(path)[0][..., ::-1])[..., 2].mean() * 255
        for path, _ in faceset
    }
    assert [item.path for item in order] == sorted(expected, key=lambda path: -expected[path])
    for item in order:
        assert item.key == pytest.approx(expected[item.path], rel=1e-6)


def colored(hue):
    """A picture of one hue (degrees)."""
    rgb = skimage.color.hsv2rgb(np.full((64, 64, 3), (hue / 360 % 1, 0.8, 0.7)))
    return np.rint(rgb[..., ::-1] * 255).astype(np.uint8)


def test_hue_keeps_reds_together_that_lie_on_both_sides_of_zero(tmp_path):
    small = make_landmarks(center=(32, 32), width=40)
    for number, hue in enumerate([350, 10, 340, 20, 0, 330]):
        write(tmp_path, f"{number}.png", colored(hue), small, source_name=f"{hue}.png")
    sort(tmp_path, "hue")
    assert frames_in_order(tmp_path) == [f"{hue}.png" for hue in (20, 10, 0, 350, 340, 330)]


def test_hue_is_largest_first_where_nothing_wraps(tmp_path):
    small = make_landmarks(center=(32, 32), width=40)
    for number, hue in enumerate([30, 90, 60, 200, 120]):
        write(tmp_path, f"{number}.png", colored(hue), small, source_name=f"{hue}.png")
    sort(tmp_path, "hue")
    assert frames_in_order(tmp_path) == [f"{hue}.png" for hue in (200, 120, 90, 60, 30)]


def test_the_mean_of_two_reds_is_red():
    both = np.hstack([colored(350), colored(10)])
    mean = features.mean_hue(cv2.cvtColor(both, cv2.COLOR_BGR2HSV))
    assert min(mean, 360 - mean) < 2
    assert keys.circle_start(np.array([])) == 360


def test_black_counts_zero_entries(tmp_path):
    small = make_landmarks(center=(32, 32), width=40)
    for number, zeros in enumerate([500, 0, 3000, 20]):
        picture = np.full((64, 64, 3), 90, np.uint8)
        picture.reshape(-1)[:zeros] = 0
        write(tmp_path, f"{number}.png", picture, small, source_name=f"{zeros}.png")
    order = order_of("black", Faceset.open(tmp_path))
    assert [item.key for item in order] == [0, 20, 500, 3000]


# ------------------------------------------------------------------------------------ where from


def test_origname_is_by_number_and_not_by_letter(tmp_path):
    picture = np.zeros((128, 128, 3), np.uint8)
    places = [("frame10.jpg", 0), ("frame9.jpg", 1), ("frame9.jpg", 0), ("frame100.jpg", 0)]
    for number, (source_name, index) in enumerate(places):
        write(tmp_path, f"{number:05d}.png", picture, FRONTAL, source_name=source_name,
              face_index=index)  # fmt: skip
    assert names_by("origname", tmp_path) == ["00002.png", "00001.png", "00000.png", "00003.png"]


def test_oneface_puts_frames_with_several_faces_last(tmp_path):
    picture = np.zeros((128, 128, 3), np.uint8)
    for name, frame, clip in [("a", 3, "x"), ("b", 1, "x"), ("c", 3, "x"), ("d", 3, "y")]:
        write(tmp_path, f"{name}.png", picture, FRONTAL, source_name=f"{frame}.png", source=clip)
    order = order_of("oneface", Faceset.open(tmp_path))
    assert [(item.path.stem, item.key) for item in order] == [
        ("b", 1),
        ("d", 1),
        ("a", 2),
        ("c", 2),
    ]


def test_source_size_is_that_of_the_face_in_the_frame(tmp_path):
    picture = np.zeros((128, 128, 3), np.uint8)
    for name, width in [("a", 60), ("b", 240), ("c", 120)]:
        points = make_landmarks(25, 5, 10, center=(300, 300), width=width)
        write(tmp_path, f"{name}.png", picture, FRONTAL, source_landmarks=points)
    order = order_of("source-size", Faceset.open(tmp_path))
    assert [item.path.stem for item in order] == ["b", "c", "a"]
    assert order[0].key == pytest.approx(2 * order[1].key, rel=1e-3)


# --------------------------------------------------------------------------------------- identity


def test_identity_brings_each_person_together_and_strangers_last(tmp_path, astronaut):
    yunet, mesh = YuNet(), Mesh()
    gray = skimage.data.lfw_subset()
    people_seen = {"astronaut": astronaut, "camera": np.dstack([skimage.data.camera()] * 3)}
    for number in (0, 3):
        large = cv2.resize((gray[number] * 255).astype(np.uint8), (250, 250))
        framed = cv2.copyMakeBorder(large, 80, 80, 80, 80, cv2.BORDER_REPLICATE)
        people_seen[f"stranger {number}"] = np.dstack([framed] * 3)
    changes = [
        lambda im: im,
        lambda im: (im * 0.5).astype(np.uint8),
        lambda im: cv2.GaussianBlur(im, (0, 0), 1.2),
        lambda im: im[:, ::-1].copy(),
    ]
    shown = [("camera", 3), ("astronaut", 4), ("stranger 0", 1), ("stranger 3", 1)]
    pictures = [(who, changes[i](people_seen[who])) for who, count in shown for i in range(count)]
    random.Random(0).shuffle(pictures)
    for number, (who, image) in enumerate(pictures):
        (found,) = yunet.detect([image])
        points = mesh.locate(image, found[:1])[0][0]
        matrix = crop_matrix(points, 160, FaceType.FULL)
        face = warp_face(image, matrix, 160)
        write(tmp_path, f"{number}.png", face, apply(matrix, points), source_name=f"{who}.png")
    order = order_of("identity", Faceset.open(tmp_path))
    info_of = dict(Faceset.open(tmp_path))
    who = [info_of[item.path].source_name.removesuffix(".png") for item in order]
    assert who[:7] == ["astronaut"] * 4 + ["camera"] * 3
    assert sorted(who[7:]) == ["stranger 0", "stranger 3"]
    groups = ["person 001"] * 4 + ["person 002"] * 3 + ["strangers"] * 2
    assert [item.group for item in order] == groups


@pytest.mark.parametrize("seed", range(4))
def test_clusters_are_the_people_the_vectors_were_made_from(seed):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(12, 128))
    truth = rng.choice(12, 600, p=np.arange(1, 13) / 78)
    vectors = centers[truth] + rng.normal(0, 0.6, (600, 128))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    found, distances = identity.cluster(vectors, 0.637)
    pairs = set(zip(truth.tolist(), found.tolist(), strict=True))
    assert len(pairs) == len(set(truth.tolist())) == found.max() + 1
    assert (np.diff(np.bincount(found)) <= 0).all()
    assert (distances < 0.637).all()


# ------------------------------------------------------------------------------------------ final


def final_by_hand(yaws, sharp, histograms):
    """The 2019 definition in plain loops, without its pitches: lists of kept and dropped."""
    edges = np.linspace(-255, 255, 128)
    bins = [[] for _ in edges]
    for number, yaw in enumerate(yaws):
        place = 0
        for g in range(128):
            if -yaw >= edges[g]:
                place = g
        bins[place].append(number)
    quota = 15 + sum(max(0, 15 - len(own)) for own in bins) // 128
    kept = []
    for own in bins:
        left = sorted(own, key=lambda i: -sharp[i])
        if len(left) > 2 * quota:
            left = left[: len(left) // 2]
        left = left[: 10 * quota]
        sums = {
            i: sum(cv2.compareHist(histograms[i], histograms[j], cv2.HISTCMP_BHATTACHARYYA)
                   for j in left)
            for i in left
        }  # fmt: skip
        kept += sorted(left, key=lambda i: -sums[i])[:quota]
    return kept


def test_final_is_the_2019_choice_where_all_pitches_are_alike():
    rng = np.random.default_rng(4)
    yaws = np.concatenate([rng.normal(0, 10, 900), rng.uniform(-90, 90, 300)])
    sharp = rng.permutation(1200)
    histograms = rng.integers(0, 40, (1200, 256)).astype(np.float32)
    stats = np.zeros(1200, features.IMAGE_STATS.dtype)
    stats["sharpness"], stats["grey"] = sharp, histograms
    bins = final.bin_of(yaws)
    quotas = final.quotas(np.bincount(bins, minlength=128), None)
    kept = [
        i for number, quota in enumerate(quotas)
        for i in final.choose(np.flatnonzero(bins == number), quota, stats, np.zeros(1200))
    ]  # fmt: skip
    assert kept == final_by_hand(yaws, sharp, histograms)


def test_final_keeps_1500_to_1700_of_a_large_set():
    rng = np.random.default_rng(0)
    bins = final.bin_of(rng.normal(0, 50, 40_000))
    counts = np.bincount(bins, minlength=128)
    assert 1500 <= np.minimum(counts, final.quotas(counts, None)).sum() <= 1700


@pytest.mark.parametrize("target", [1, 7, 64, 500, 999, 1000, 5000])
def test_a_target_is_met_as_evenly_as_possible(target):
    counts = np.random.default_rng(1).multinomial(1000, np.arange(128) / (127 * 64))
    quotas = np.array(final.quotas(counts, target))
    kept = np.minimum(counts, quotas)
    assert kept.sum() == min(target, 1000)
    full = kept < counts
    if full.any():  # a bin that gives less than it has gives as many as any other, or one fewer
        assert kept[full].min() >= kept.max() - 1


def test_final_takes_every_pitch_in_turn():
    stats = np.zeros(40, features.IMAGE_STATS.dtype)
    stats["grey"] = np.random.default_rng(2).integers(1, 40, (40, 256))
    pitches = np.array([0] * 37 + [20, 40, -30])
    chosen = final.choose(np.arange(40), 20, stats, pitches)
    assert {37, 38, 39} <= set(chosen)
    assert len(chosen) == 20


def test_final_of_a_folder_is_even_over_yaw_and_prefers_the_sharp(tmp_path):
    sharp = set()
    for number, yaw in enumerate([-40, -40, -40, 0, 0, 0, 0, 0, 0, 40, 40, 40]):
        landmarks = make_landmarks(yaw, center=(64, 64), width=70)
        blur = 0 if number in (1, 3, 5, 7, 10) else 3
        write(tmp_path, f"{number:02d}.png", draw_face(landmarks, (128, 128), blur=blur), landmarks)
        sharp |= {f"{number:02d}.png"} if not blur else set()
    order = order_of("final", Faceset.open(tmp_path), target=4)
    assert {item.path.name for item in order if item.keep} <= sharp
    assert len([item for item in order if item.keep]) == 4
    assert len({item.group for item in order if item.keep}) == 3


def test_the_yaw_number_does_not_depend_on_size_and_face_type():
    frame = make_landmarks(25, center=(300, 300), width=200)
    numbers = [
        final.yaw_number(make_info(frame, size, kind))
        for size, kind in [(256, FaceType.FULL), (64, FaceType.HALF), (512, FaceType.HEAD)]
    ]
    assert numbers == pytest.approx([numbers[0]] * 3, rel=1e-4)
    info = make_info(frame, 256)
    x = info.landmarks[:, 0].astype(float)
    by_hand = sum(x[16 - i] - x[27 + i] - (x[27 + i] - x[i]) for i in range(3)) / 3
    assert numbers[0] == pytest.approx(by_hand, rel=1e-4)


def test_a_method_reports_a_missing_weight_file_once(tmp_path, faceset, monkeypatch):
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(tmp_path))
    from utils.errors import WeightsError

    with pytest.raises(WeightsError, match="weights"):
        order_of("identity", faceset)
    assert SortJob(faceset).report.failures == []
