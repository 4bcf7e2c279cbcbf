"""What an older build left behind is continued by this one.

The files and facts in tests/fixtures/old_build were made by the commit that its README names. Only
the command line and files are used here, so that the test outlives every move of the code.
"""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from support import program

ROOT = Path(__file__).parent.parent
FIXTURE = ROOT / "tests" / "fixtures" / "old_build"
EXPECTED = json.loads((FIXTURE / "expected.json").read_text(encoding="utf-8"))
FACES = ("--training-data-src-dir", "src_aligned", "--training-data-dst-dir", "dst_aligned")
CONVERT = (
    "convert", "--input-dir", "dst.mp4", "--aligned-dir", "dst_aligned", "--model-dir", "model",
    "--no-ask",
)  # fmt: skip
BETA1, BETA2, EPSILON = 0.5, 0.999, 1e-7  # of Adam


@pytest.fixture
def workspace(tmp_path):
    """The folder as the old build left it."""
    with zipfile.ZipFile(FIXTURE / "workspace.zip") as archive:
        archive.extractall(tmp_path)
    return tmp_path


def run(workspace, *words, status=0):
    """Run a command line in the workspace; what it printed."""
    return program.run(words, folder=workspace, status=status)


def records(path):
    """The objects of a file of JSON lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


def sums(folder):
    """Name -> SHA-256 of each PNG."""
    paths = folder.glob("*.png")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def state_of(paths):
    """What changes when a file is written again, be it with the same bytes."""
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def make_old(paths):
    for path in paths:
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return state_of(paths)


def picture(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float64)


def pictures(video):
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def packets(path, kind):
    """The coded bytes of a stream, packet by packet."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def unlike(one, other):
    """How many of 255 steps two pictures differ, on average."""
    return np.abs(np.asarray(one, np.float64) - other).mean()


def coarse(image):
    """The means of squares of 8 x 8 pixels, which coding a video changes little."""
    height, width, channels = image.shape
    return image.reshape(height // 8, 8, width // 8, 8, channels).mean(axis=(1, 3))


# ---------------------------------------------------------------------------------------- train


def arrays_of(generation, name):
    with np.load(generation / name, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def test_a_model_is_trained_on(workspace):
    facts = EXPECTED["train"]
    generations = workspace / "model" / "generations"
    assert sorted(path.name for path in generations.iterdir()) == facts["generations"]
    old = generations / facts["generations"][-1]
    now = facts["iteration"] + 1
    run(
        workspace, "train", "--model-dir", "model", *FACES, "--target-iter", str(now),
        "--cool-down", "0", "--no-preview", "--no-ask",
    )  # fmt: skip
    new = generations / f"{now:09d}"
    state = json.loads((new / "state.json").read_text(encoding="utf-8"))
    assert state["iteration"] == now
    assert state["loss_names"] == facts["loss_names"]
    before, after = np.load(old / "history.npy"), np.load(new / "history.npy")
    assert after.shape == (now, len(facts["loss_names"]))
    assert after[:-1].tobytes() == before.tobytes()
    assert_one_step_of_adam(old, new, now, facts["learning_rate"])


def assert_one_step_of_adam(old, new, now, rate):
    """Check weights against moments and step count, in float64."""
    before, after = arrays_of(old, "weights.npz"), arrays_of(new, "weights.npz")
    moments, moved = arrays_of(old, "optimizer.npz"), arrays_of(new, "optimizer.npz")
    assert list(before) == list(after)
    assert sorted(moments) == sorted(moved)
    assert moments["steps"] == now - 1
    assert moved["steps"] == now
    rate *= np.sqrt(1 - BETA2**now) / (1 - BETA1**now)
    for number, name in enumerate(before):
        m0, m1, v0, v1 = (
            kept[f"{kind}/{number}"].astype(np.float64)
            for kind in "mv" for kept in (moments, moved)
        )  # fmt: skip
        gradient = (m1 - BETA1 * m0) / (1 - BETA1)
        expected = BETA2 * v0 + (1 - BETA2) * gradient**2
        np.testing.assert_allclose(v1, expected, rtol=1e-3, atol=1e-5 * v1.max())
        step = rate * m1 / (np.sqrt(v1) + EPSILON)
        np.testing.assert_allclose(after[name], before[name] - step, atol=3e-7, err_msg=name)


def test_the_name_of_the_preset_is_still_known(workspace):
    run(workspace, "train", "--preset", EXPECTED["train"]["preset"], "--help")
    run(workspace, "train", "--preset", "unheard-of", status=2)


# -------------------------------------------------------------------------------------- convert


def assert_log(workspace, output, kind):
    """The log beside a result says that it was continued."""
    frames, finished = EXPECTED["convert"][kind].values()
    last = records(workspace / f"{output}_log.jsonl")[-1]
    assert last["event"] == "finished"
    assert (last["frames"], last["frames finished before"]) == (frames - finished, finished)


def test_an_unfinished_video_is_finished(workspace):
    parts = workspace / "result.mp4_parts"
    made = {end: packets(parts / f"000000{end}.mp4", "video") for end in ("", "_mask")}
    assert len(made[""]) == EXPECTED["convert"]["video"]["finished"]
    # the look is that of result.mp4_convert.json
    run(workspace, *CONVERT, "--output-dir", "result.mp4", "--mask-output", "masks.mp4")
    shown, whole = (pictures(workspace / name) for name in ("result.mp4", "reference/whole.mp4"))
    assert len(shown) == len(whole) == EXPECTED["convert"]["video"]["frames"]
    assert len(shown) == len(pictures(workspace / "dst.mp4"))
    assert len(pictures(workspace / "masks.mp4")) == len(shown)
    assert max(map(unlike, map(coarse, shown), map(coarse, whole))) < 2.5
    assert_log(workspace, "result.mp4", "video")
    for end, name in (("", "result.mp4"), ("_mask", "masks.mp4")):
        assert packets(workspace / name, "video")[: len(made[end])] == made[end]
    sound = packets(workspace / "dst.mp4", "audio")
    assert packets(workspace / "result.mp4", "audio") == sound
    assert not parts.exists()


def test_an_unfinished_folder_is_finished_with_its_session(workspace):
    folder = workspace / "pictures"
    recorded = [row["item"] for row in records(folder / ".convert.jsonl")[1:]]
    assert len(recorded) == EXPECTED["convert"]["pictures"]["finished"]
    before = make_old([folder / name for name in recorded])
    run(workspace, *CONVERT, "--output-dir", "pictures")
    assert state_of(before) == before
    names = [f"{index:06d}.png" for index in range(EXPECTED["convert"]["pictures"]["frames"])]
    assert sorted(path.name for path in folder.glob("*.png")) == names
    assert sorted(row["item"] for row in records(folder / ".convert.jsonl")[1:]) == names
    assert_log(workspace, "pictures", "pictures")
    for name in ("000005.png", "000008.png"):  # two looks of the session
        assert unlike(picture(folder / name), picture(workspace / "reference" / name)) < 1


# ------------------------------------------------------------------------------------- facesets


def test_an_extraction_goes_on(workspace):
    facts, folder = EXPECTED["extract"], workspace / "unfinished_aligned"
    header, *rows = records(folder / ".extract.jsonl")
    assert [row["item"] for row in rows] == facts["recorded"]
    before = make_old([folder / f"{Path(name).stem}_0.png" for name in facts["recorded"]])
    run(
        workspace, "extract", "--input-dir", "dst.mp4", "--output-dir", "unfinished_aligned",
        "--image-size", "64", "--no-ask",
    )  # fmt: skip
    assert state_of(before) == before
    whole = workspace / "dst_aligned"
    assert sorted(sums(folder)) == facts["faces"] == sorted(sums(whole))
    for name in facts["faces"]:
        assert unlike(picture(folder / name), picture(whole / name)) < 2
    after = records(folder / ".extract.jsonl")
    assert after[: 1 + len(rows)] == [header, *rows]
    items = sorted(row["item"] for row in records(whole / ".extract.jsonl")[1:])
    assert sorted(row["item"] for row in after[1:]) == items


def test_sorts_are_undone(workspace):
    folder, names = workspace / "sorted", EXPECTED["sort"]["undone"]
    assert len(sums(folder)) < len(names)  # the last sort has put some into the trash
    for _ in range(2):
        run(workspace, "sort", "--input-dir", "sorted", "--undo", "--no-ask")
    assert sums(folder) == names
    assert not sums(workspace / "sorted_trash")


def test_a_packed_faceset_is_unpacked(workspace):
    run(workspace, "util", "unpack", "--input", "packed.zip", "--output-dir", "unpacked")
    assert sums(workspace / "unpacked") == sums(workspace / "src_aligned")


def test_saved_face_data_are_put_back(workspace):
    faces, bare = workspace / "src_aligned", workspace / "bare"
    bare.mkdir()
    for name in sums(faces):
        Image.fromarray(picture(faces / name).astype(np.uint8)).save(bare / name)
    saved = ("--metadata", "saved.faces.jsonl")
    run(workspace, "util", "restore-metadata", "--input-dir", "bare", *saved)
    run(workspace, "util", "save-metadata", "--input-dir", "bare", "--metadata", "again.jsonl")
    assert records(workspace / "again.jsonl") == records(workspace / "saved.faces.jsonl")
    assert len(records(workspace / "again.jsonl")) == len(sums(faces))


# ---------------------------------------------------------------------------------------- verify


def test_what_was_marked_and_signed_is_still_so(workspace):
    facts, names = EXPECTED["verify"], ("pictures/000000.png", "signed.mp4", "signed.mkv")
    said = run(workspace, "verify", *names, status=32)  # another machine signed them
    assert said.count(facts["signer"]) == len(names)
    assert said.count(facts["source_type"]) == 2 * len(names)  # in the tags and in the signature
    for name in names:
        data = bytearray((workspace / name).read_bytes())
        data[len(data) * 2 // 3] ^= 1
        (workspace / name).write_bytes(data)
        run(workspace, "verify", name, status=16 + 32)
