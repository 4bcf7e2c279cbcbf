"""`.dfm` files in the hands of their players: names, order, and the swap in the right square.

The truth about pixels is the path of `convert` on the same frame (crop, swap), laid into the
player's crop by a warp in float64 (scipy).
"""

import dataclasses

import keras
import numpy as np
import onnx
import pytest
from PIL import Image
from scipy import ndimage
from support import players
from support.synthetic import reference_landmarks
from support.toy_model import ENTRY, Toy, ToyOptions
from support.training import save_model

from facelib.geometry import MEAN_FACE, apply, crop_matrix, invert, warp_face
from facelib.types import FaceType
from models import MODELS
from models.base import Prediction
from tools.util import dfm, export
from tools.util.options import ExportOptions
from utils import options

SIDE = 48
KINDS = "half", "full", "whole", "head"
FACEFUSION_SQUARE = 0.089, 0.137, 0.903, 0.942


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlacesOptions(ToyOptions):
    face_type: str = options.opt(
        "full", choices=("half", "full", "whole", "head"), help="", fixed=True
    )
    masks: bool = options.opt(True, help="", fixed=True)


class Places(Toy):
    """Swaps to a picture of where a pixel is: column, row, and the negative of dst's red.

    The mask of src is dst's blue, that of dst is dst's green.
    """

    Options = PlacesOptions
    resolution = SIDE

    def __init__(self, options):
        self.face_type = FaceType[options.face_type.upper()]
        super().__init__(options)

    def swap(self, dst):
        ramp = np.arange(SIDE, dtype=np.float32) / SIDE
        column, row = np.meshgrid(ramp, ramp)
        places = [0 * dst[..., :1] + each[..., None] for each in (column, row)]
        image = keras.ops.concatenate([*places, 1 - dst[..., 2:]], axis=-1)
        return Prediction(image, dst[..., :1] if self.options.masks else None)

    def reconstruct(self, src, dst):
        mask = dst[..., 1:2] if self.options.masks else None
        return Prediction(src, None), Prediction(dst, mask)


@pytest.fixture(autouse=True)
def places(monkeypatch):
    monkeypatch.setitem(MODELS._entries, "PLACES", ENTRY._replace(target="test_dfm:Places"))


@pytest.fixture(scope="module")
def frame(astronaut):
    return ndimage.gaussian_filter(astronaut / 255.0, (8, 8, 0)).astype(np.float32)


def exported(folder, player="facefusion", **chosen):
    save_model("PLACES", Places(PlacesOptions(**chosen)), folder / "model")
    path = folder / "swap.dfm"
    export.run(ExportOptions(model_dir=folder / "model", output=path, player=player))
    return path


def warp64(image, to_source, side):
    """Sample an image, edges repeated, where a (2, 3) matrix maps the pixels of a square."""
    y, x = np.mgrid[:side, :side]
    places = np.c_[x.ravel(), y.ravel()] @ to_source[:, :2].T + to_source[:, 2]
    planes = np.moveaxis(np.asarray(image, np.float64), 2, 0)
    sampled = [ndimage.map_coordinates(p, places.T[::-1], order=3, mode="nearest") for p in planes]
    return np.stack(sampled, axis=-1).reshape(side, side, -1), places.reshape(side, side, 2)


def face_in(frame, width):
    """Landmarks of the mean face, `width` pixels wide and turned, in the middle of a frame."""
    points = reference_landmarks()
    matrix = players.fit(points[[36, 45]], [(-width / 2, 0), (width / 2, 0)])
    matrix[:, :2] = matrix[:, :2] @ [[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]
    centered = points @ matrix[:, :2].T
    return centered - centered.mean(axis=0) + np.array(frame.shape[1::-1]) / 2


def played(path, player, frame, points, face_type):
    """What a player gets and what it should get: face and masks, the crop, and how far inside.

    Also the distance of each pixel from the edge of our image, inward, in our pixels.
    """
    crop_side = players.input_side(path)
    matrix = players.frame_to_crop(player, points, crop_side)
    whole, _ = warp64(frame, invert(matrix), crop_side)
    found = players.PLAYERS[player](path, whole)

    ours = crop_matrix(points, SIDE, face_type)
    to_face = np.concatenate([ours, [(0, 0, 1)]]) @ np.concatenate([invert(matrix), [(0, 0, 1)]])
    aligned, places = warp64(warp_face(frame, ours, SIDE), to_face[:2], crop_side)
    wanted = np.concatenate([places / SIDE, 1 - aligned[..., 2:]], axis=-1)
    edge = np.minimum(places + 0.5, SIDE - 0.5 - places).min(axis=2)
    return found, (wanted, aligned[..., 0], aligned[..., 1]), whole, edge


@pytest.mark.parametrize(
    ("player", "face_type"),
    [
        *((player, "full") for player in dfm.CROPS),
        ("facefusion", "half"),
        ("deepfacelive", "whole"),
    ],
)
def test_the_swap_comes_back_in_the_right_square(tmp_path, frame, player, face_type):
    """Within half a pixel of where `convert` would place it; around it the crop is kept."""
    path, points = exported(tmp_path, player, face_type=face_type), face_in(frame, 90)
    kind = FaceType[face_type.upper()]
    found, (face, src_mask, dst_mask), whole, edge = played(path, player, frame, points, kind)
    inside, outside = edge > SIDE / 16 + 1, edge < -1
    assert inside.sum() > 0.7 * SIDE**2
    if face_type != "whole":  # which fills the crop
        assert outside.sum() > 0.3 * SIDE**2
    assert np.allclose(found[0][outside], whole[outside], atol=1e-6)
    assert not found[1][outside].any()
    assert not found[2][outside].any()
    if player == "visomaster":  # it looks at no mask
        face = whole + (face - whole) * src_mask[..., None]
    for got, wanted in zip(found, (face, src_mask, dst_mask), strict=True):
        assert np.abs(got.reshape(wanted.shape) - wanted)[inside].max() < 0.5 / SIDE


def test_beyond_the_crop_a_model_sees_its_mirror_image(frame, monkeypatch):
    seen = []

    def swap(self, dst):
        seen.append(dst)
        return Prediction(dst, None)

    monkeypatch.setattr(Places, "swap", swap)
    model = Places(PlacesOptions(face_type="head", masks=False))
    square = dfm.face_square(model, dfm.CROPS["facefusion"])
    network = dfm.swap_network(model, dfm.CROPS["facefusion"])
    whole = frame[100 : 100 + square.crop_side, 100 : 100 + square.crop_side]
    (found,) = keras.Model(network.inputs, seen[0]).predict(whole[None], verbose=0)
    low, count = np.array(square.origin), square.crop_side
    x, y = (low[:, None] + np.arange(SIDE) / SIDE * square.side) * count
    places = np.meshgrid(y, x, indexing="ij")
    assert min(x[0], y[0]) < -5
    assert max(x[-1], y[-1]) > count + 5
    for channel in range(3):
        wanted = ndimage.map_coordinates(whole[..., channel], places, order=3, mode="mirror")
        assert np.abs(found[..., channel] - wanted).max() < 0.05
    inside = [(axis >= 0) & (axis <= count) for axis in places]
    assert np.isclose(np.mean(inside[0] & inside[1]), square.seen, atol=0.02)


def test_a_player_that_shows_a_model_too_little_is_named(tmp_path, capsys):
    exported(tmp_path / "head", face_type="head")
    assert "facefusion shows the model 44% of what it was trained on" in capsys.readouterr().err
    exported(tmp_path / "whole", "visomaster", face_type="whole")
    assert "of what it was trained on" not in capsys.readouterr().err


def test_another_players_crop_does_not_fit(tmp_path, frame):
    """So the test above can fail: by two pixels or more here."""
    path, points = exported(tmp_path, "facefusion"), face_in(frame, 90)
    found, wanted, _, edge = played(path, "deepfacelive", frame, points, FaceType.FULL)
    assert np.abs(found[0] - wanted[0])[edge > SIDE / 16 + 1].max() > 2 / SIDE


def test_a_photographed_face_lies_in_the_square(face_landmarks):
    """Five points and 51 are fitted differently: the corners agree within 6 % of the square."""
    for player, crop in dfm.CROPS.items():
        square = dfm.face_square(Places(PlacesOptions()), crop)
        low = np.array(square.origin)
        to_crop = players.frame_to_crop(player, face_landmarks, 1)
        ours = invert(crop_matrix(face_landmarks, 1, FaceType.FULL))
        corners = apply(to_crop, apply(ours, np.array([(0, 0), (1, 1)])))
        assert np.abs(corners - [low, low + square.side]).max() < 0.06 * square.side, player


def test_facefusions_square_is_the_measured_one():
    """Measured on its template; it turns the mean face by 0.3 degrees."""
    square = dfm.face_square(Places(PlacesOptions()), dfm.CROPS["facefusion"])
    low = np.array(square.origin)
    assert np.allclose([*low, *(low + square.side)], FACEFUSION_SQUARE, atol=0.004)


def test_without_masks_they_are_the_mean_hull(tmp_path, frame):
    """A point in the middle of the nose is inside, one above the brows and a corner are not."""
    path = exported(tmp_path, masks=False)
    side = players.input_side(path)
    _, src_mask, dst_mask = players.facefusion(path, np.zeros((side, side, 3)))
    assert np.array_equal(src_mask, dst_mask)
    to_crop = players.frame_to_crop("facefusion", np.r_[np.zeros((17, 2)), MEAN_FACE], side)
    nose, brow, mouth, _ = np.rint(
        apply(to_crop, np.array([MEAN_FACE[12], (0.49, -0.1), MEAN_FACE[40], (0, 0)]))
    ).astype(int)
    assert src_mask[nose[1], nose[0]] == src_mask[mouth[1], mouth[0]] == 1
    assert src_mask[brow[1], brow[0]] == src_mask[0, 0] == 0


def test_file_and_words(tmp_path, capsys):
    """Static sizes, no more ports than players know, no newer format than they load."""
    graph = onnx.load(exported(tmp_path))
    ports = [*graph.graph.input, *graph.graph.output]
    shapes = [
        [size.dim_param or size.dim_value for size in port.type.tensor_type.shape.dim]
        for port in ports
    ]
    side = shapes[0][1]
    assert [port.name for port in ports] == [
        *("in_face:0", "out_face_mask:0", "out_celeb_face:0", "out_celeb_face_mask:0")
    ]
    assert shapes == [["N", side, side, channels] for channels in (3, 1, 3, 1)]
    assert side % 16 == 0
    assert graph.ir_version <= 9  # ONNX Runtime 1.15, DeepFaceLive's
    assert max(each.version for each in graph.opset_import) <= 19
    onnx.checker.check_model(graph)
    said = capsys.readouterr().out
    assert [line.split()[1] for line in said.splitlines()] == [port.name for port in ports]
    about = {each.key: each.value for each in graph.metadata_props}
    known = {"face_type": "full_face", "resolution": str(SIDE), "model": "PLACES", "iteration": "7"}
    assert known.items() <= about.items()
    assert (about["player"], about["template"]) == ("facefusion", "dfl_whole_face")
    corners = [float(corner) for corner in about["square"].split()]
    assert np.allclose(corners, FACEFUSION_SQUARE, atol=0.004)


def test_options_name_the_players():
    (player,) = (o for o in options.options_of(ExportOptions) if o.name == "player")
    assert set(player.choices) == set(dfm.CROPS) == set(players.PLAYERS)


def test_rows_are_sampled_as_pillow_does():
    """Bicubic, at twice the size; Pillow's pixels have their origin at the edge."""
    row = np.random.default_rng(5).random(40).astype(np.float32)
    positions = (np.arange(80) + 0.5) / 2 - 0.5
    larger = Image.fromarray(row[None]).resize((80, 1), Image.Resampling.BICUBIC)
    assert np.allclose(
        (dfm.cubic(positions, 40) @ row)[6:-6], np.asarray(larger)[0, 6:-6], atol=1e-5
    )
