"""What is held out of training: whole stretches with gaps, no rare expression, and for good."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from support.synthetic import make_info, make_landmarks, open_mouth

from facelib import held_out
from facelib.faceset import FaceInfo
from facelib.held_out import HeldOut, choose
from utils.errors import InputError


def clip(count, source="clip.mp4", mouth=None) -> list[tuple[Path, FaceInfo]]:
    """Faces of a head that turns slowly from left to right and back; `mouth`: frame -> opening."""
    faces = []
    for frame in range(count):
        info = head(frame % 120, mouth(frame) if mouth else 0.0)
        name = f"{frame:06d}.png"
        info = replace(info, source=source, frame_index=frame, source_name=name)
        faces.append((Path(f"{frame:06d}_0.png"), info))
    return faces


@cache
def head(phase, opened):
    yaw = 30 * np.sin(phase / 120 * 2 * np.pi)
    return make_info(make_landmarks(yaw=yaw, head=open_mouth(opened)))


def numbers(faces):
    return [info.frame_index for _, info in faces]


@pytest.mark.parametrize("expressive", [False, True])
@pytest.mark.parametrize(
    ("count", "gap", "cost"), [(20, 1, 0.15), (60, 1, 0.1), (320, 8, 0.11), (1000, 8, 0.11)]
)
def test_no_neighbor_of_a_held_out_face_is_trained_on(count, gap, cost, expressive):
    faces = clip(count)
    trained, rest = choose(faces, expressive=expressive).split(faces)
    distances = np.abs(np.subtract.outer(numbers(rest), numbers(trained)))
    assert distances.min() > gap
    assert 0.03 * count <= len(rest) <= 0.06 * count
    assert count - len(trained) <= cost * count


def test_a_long_faceset_gives_up_few_faces():
    faces = clip(9000)
    trained, rest = choose(faces).split(faces)
    assert 200 <= len(rest) <= 300
    assert len(faces) - len(trained) <= 600
    assert np.ptp(numbers(rest)) > 8000  # from all over


def test_nothing_is_held_out_of_a_few_faces():
    faces = clip(19)
    assert choose(faces).split(faces) == (faces, [])
    assert HeldOut(None).split(faces) == (faces, [])  # nor by the rule of version 0.1.0
    twice = [(path, replace(info, face_index=i)) for path, info in clip(12) for i in (0, 1)]
    assert choose(twice).split(twice)[1] == []


def test_both_faces_of_a_frame_are_held_out_together():
    faces = [(path, replace(info, face_index=i)) for path, info in clip(100) for i in (0, 1)]
    trained, rest = choose(faces).split(faces)
    assert numbers(rest) == sorted(2 * sorted(set(numbers(rest))))
    assert not set(numbers(rest)) & set(numbers(trained))


def test_no_expression_is_lost_of_dst():
    """The mouth opens wide only in the middle, where a plain choice would hold faces out."""

    def mouth(frame):
        return 1.0 if 140 <= frame < 170 else 0.1

    faces = clip(300, mouth=mouth)
    wide = set(range(140, 170))
    trained, _ = choose(faces, expressive=True).split(faces)
    assert wide <= set(numbers(trained))
    assert not wide <= set(numbers(choose(faces).split(faces)[0]))


def test_a_block_stays_within_its_source():
    faces = clip(30, "a.mp4") + clip(30, "b.mp4") + clip(340, "c.mp4")
    for block in choose(faces).blocks:
        assert 0 <= block.before <= block.first <= block.last <= block.after
        assert block.after < (340 if block.source == "c.mp4" else 30)


def test_what_is_held_out_stays_so(tmp_path):
    faces = clip(200)
    first = held_out.of_training(tmp_path, faces, faces, new=True)
    unseen = numbers(first[1].split(faces)[1])
    more = clip(500)
    later = held_out.of_training(tmp_path, more, more, new=False)
    assert later == first == held_out.of_model(tmp_path)
    assert numbers(later[1].split(more)[1]) == unseen
    assert set(numbers(later[1].split(more)[0])) >= set(range(200, 500))


def test_blocks_of_new_faces_are_added_where_all_were_replaced(tmp_path):
    old, new = clip(200, "old.mp4"), clip(200, "new.mp4")
    held_out.of_training(tmp_path, old, old, new=True)
    src, dst = held_out.of_training(tmp_path, old, new, new=False)
    assert {block.source for block in src.blocks} == {"old.mp4"}
    assert {block.source for block in dst.blocks} == {"old.mp4", "new.mp4"}
    assert dst.split(new)[1]


def test_a_model_that_trained_on_all_faces_never_calls_any_unseen(tmp_path):
    few, many = clip(19), clip(200)
    held_out.of_training(tmp_path, few, few, new=True)
    rules = held_out.of_training(tmp_path, many, many, new=False)
    assert [rule.split(many)[1] for rule in rules] == [[], []]


def test_an_older_model_keeps_its_rule(tmp_path):
    """These never change: a model must not be tested on what an earlier version trained on."""
    infos = [
        (Path(), replace(info, face_index=face)) for _, info in clip(1000) for face in range(2)
    ]
    rules = held_out.of_training(tmp_path, infos, infos, new=False)
    trained, rest = rules[0].split(infos)
    assert rules == [HeldOut(None)] * 2
    assert 0.035 * len(infos) < len(rest) < 0.065 * len(infos)
    assert len(trained) + len(rest) == len(infos)
    names = [(info.source_name, info.face_index) for _, info in rest]
    assert names[:3] == [("000001.png", 0), ("000019.png", 0), ("000019.png", 1)]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part", [None, {}, {"source": "a"}, ["a", 1, 2, 3, 4]])
def test_a_damaged_record_is_named(tmp_path, part):
    path = tmp_path / "held_out.json"
    path.write_text(json.dumps({"version": 1, "src": [part]}))
    with pytest.raises(InputError, match="held-out frames"):
        held_out.of_model(tmp_path)
