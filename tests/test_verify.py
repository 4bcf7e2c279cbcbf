"""Signing and `verify`: every written format is read back, every change is noticed."""

import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from cryptography import x509
from PIL import Image
from support.clips import make_clip, sound_of, times_of
from support.conversion import INVERT, options, write_footage

import main
from converters import convert
from tools import verify
from tools.options import VerifyOptions
from utils.errors import ExitStatus, UserError
from utils.images import encode_image, read_image
from utils.provenance import certificate
from utils.provenance.c2pa import Marker, read_credential
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, mark_jpeg, read_mark, video_tags
from utils.provenance.sidecar import read_sidecar, sidecar_of, write_sidecar

ROOT = Path(__file__).parent.parent
PIXELS = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
VIDEOS = {"x.mp4": {}, "x.m4v": {}, "x.mov": {}, "x.mkv": {}}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine that has no key yet; the folder where it will be."""
    folder = tmp_path / "the user's sëttings"
    monkeypatch.setenv(certificate.VARIABLE, str(folder))
    return folder


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """One file of every format that is written, marked and signed."""
    folder = tmp_path_factory.mktemp("signed files")
    marker = Marker()
    for name in ("x.png", "x.jpg"):
        (folder / name).write_bytes(marker.sign_image(encode_image(PIXELS, Path(name).suffix)))
    for name in VIDEOS:
        kind = "mp4" if name.endswith("m4v") else None
        plain = make_clip(folder / "plain.mkv", codec="libx264")
        remux(plain, folder / name, video_tags(), kind)
        if name == "x.mkv":
            write_sidecar(folder / name)
        else:
            marker.sign_video(folder / name)
    (folder / "plain.mkv").unlink()
    return folder


def remux(path, target, tags, kind=None):
    flags = {} if target.suffix == ".mkv" else {"movflags": "use_metadata_tags"}
    with (
        av.open(str(path)) as source,
        av.open(str(target), "w", format=kind, container_options=flags) as result,
    ):
        result.metadata.update(tags)
        streams = {s.index: result.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                result.mux(packet)
    return target


def status(*paths):
    return verify.run(VerifyOptions(files=tuple(paths))).status


@pytest.mark.parametrize("name", ["x.png", "x.jpg", *VIDEOS])
def test_every_format_is_read_back(signed, name, capsys):
    assert status(signed / name) is ExitStatus.DONE
    said = capsys.readouterr().out
    assert "this machine" in said
    assert "not changed since" in said
    assert said.count("compositeWithTrainedAlgorithmicMedia") == 2
    assert read_mark(signed / name) == DIGITAL_SOURCE_TYPE


@pytest.mark.parametrize("name", ["x.png", "x.jpg", *VIDEOS])
def test_a_changed_byte_is_reported_as_invalid(signed, name, tmp_path, capsys):
    """Wherever it is outside the signature's own block, which has some padding of no meaning."""
    whole = (signed / name).read_bytes()
    changed = tmp_path / name
    block = range(0)
    if name == "x.mkv":
        sidecar_of(changed).write_bytes(sidecar_of(signed / name).read_bytes())
    else:
        start = whole.index(b"jumb")
        block = range(start - 100, start + 3600)
    # in front lie the sizes of what follows; without them nothing can be read at all
    content = [place for place in range(100, len(whole) - 16) if place not in block]
    rng = np.random.default_rng(1)
    places = rng.choice(content, 20, replace=False)
    for place in places:
        data = bytearray(whole)
        data[place] ^= 1 << rng.integers(8)
        changed.write_bytes(data)
        assert status(changed) is ExitStatus.FAILED, place
    assert capsys.readouterr().out.count("INVALID") >= len(places) - 1


def test_no_byte_of_a_png_can_change_unnoticed(signed, tmp_path):
    whole = (signed / "x.png").read_bytes()
    for place in range(0, len(whole), 31):
        data = bytearray(whole)
        data[place] ^= 4
        (tmp_path / "x.png").write_bytes(data)
        assert status(tmp_path / "x.png") is ExitStatus.FAILED, place


def test_a_changed_sidecar_is_noticed(signed, tmp_path):
    video = tmp_path / "x.mkv"
    video.write_bytes((signed / "x.mkv").read_bytes())
    record = json.loads(sidecar_of(signed / "x.mkv").read_bytes())
    for key, value in [
        ("sha256", "0" * 64), ("signature", "AAAA"), ("signature", "ä"), ("certificates", ""),
        ("statement", "nothing happened"), ("certificates", 3),
    ]:  # fmt: skip
        sidecar_of(video).write_text(json.dumps(record | {key: value}))
        assert not read_sidecar(video).intact
    for content in ("", "[]", "{", "{}"):
        sidecar_of(video).write_text(content)
        assert not read_sidecar(video).intact
    sidecar_of(video).unlink()
    assert status(video) is ExitStatus.FAILED  # marked, but not signed


def test_pixels_and_packets_are_not_touched(signed):
    with Image.open(signed / "x.png") as image:
        assert np.array_equal(np.asarray(image)[..., ::-1], PIXELS)
    plain = io.BytesIO(encode_image(PIXELS, ".jpg"))
    with Image.open(plain) as before, Image.open(signed / "x.jpg") as image:
        assert image.tobytes() == before.tobytes()
        assert DIGITAL_SOURCE_TYPE.encode() in image.info["xmp"]
    clip = signed.parent / "plain again.mkv"
    make_clip(clip, codec="libx264")
    for name in ("x.mp4", "x.mov"):
        assert [data for _, data in sound_of(signed / name)] == [d for _, d in sound_of(clip)]
        assert len(times_of(signed / name)) == len(times_of(clip))


def test_a_jpeg_is_marked_once_and_keeps_what_it_had():
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "jpeg", exif=b"Exif\0\0" + bytes(8), xmp=b"<other/>")
    marked = mark_jpeg(file.getvalue())
    assert mark_jpeg(marked) == marked
    with Image.open(io.BytesIO(marked)) as image:
        assert b"other" not in image.info["xmp"]
        assert image.info["exif"]


@pytest.mark.parametrize("cut", [2, 3, 20, 600])
def test_a_jpeg_that_is_cut_off_is_refused(cut):
    with pytest.raises(UserError, match="cut off"):
        mark_jpeg(encode_image(PIXELS, ".jpg")[:cut])


def test_what_states_nothing_is_not_marked_which_is_no_failure(tmp_path, signed, capsys):
    plain = tmp_path / "holiday.png"
    plain.write_bytes(encode_image(PIXELS))
    assert main.main(["verify", str(plain), str(signed / "x.png")]) == ExitStatus.NOT_MARKED
    said = capsys.readouterr()
    assert "its tags state nothing" in said.out
    assert "not marked as synthetic (1): holiday.png" in said.out
    assert "failed" not in (said.out + said.err).lower()
    assert "Done" not in said.out
    plain.with_name("x.mp4").touch()
    assert main.main(["verify", str(plain), str(tmp_path / "x.mp4")]) == ExitStatus.FAILED


def test_what_cannot_be_read_or_is_not_signed_is_a_failure(tmp_path):
    for content in (b"", b"text"):
        (tmp_path / "x.mp4").write_bytes(content)
        assert status(tmp_path / "x.mp4") is ExitStatus.FAILED
    assert status(tmp_path / "missing.png") is ExitStatus.FAILED


def test_another_machine_cannot_be_taken_for_this_one(signed, machine, capsys):
    certificate.identity()
    assert status(signed / "x.png", signed / "x.mkv") is ExitStatus.DONE
    said = capsys.readouterr().out
    assert "this machine (" not in said
    assert said.count("proves no person") == 2


def test_the_key_is_made_once_and_is_private(machine):
    first = certificate.identity()
    assert certificate.identity() == first
    file = machine / certificate.FILE
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(machine.stat().st_mode) == 0o700
        file.chmod(0o644)
        certificate.identity()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    leaf, root = x509.load_pem_x509_certificates(first.chain)
    leaf.verify_directly_issued_by(root)
    assert first.key not in first.anchor
    # it tells nothing about whose machine this is
    text = " ".join(name.rfc4514_string() for name in (leaf.subject, leaf.issuer))
    assert "self-made" in text
    for secret in (os.uname().nodename if hasattr(os, "uname") else "?", str(Path.home())):
        assert secret not in text


def test_many_at_once_make_one_key(machine):
    code = (
        "from utils.provenance import certificate; "
        "print(certificate.identity().certificate.serial_number)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    (number,) = {process.communicate(timeout=60)[0] for process in started}
    assert int(number) == certificate.identity().certificate.serial_number


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_a_damaged_key_is_one_sentence(machine, content):
    certificate.identity()
    file = machine / certificate.FILE
    whole = file.read_bytes()
    other = certificate._make()
    swapped = whole[: whole.index(b"-----BEGIN CERT")] + other[other.index(b"-----BEGIN CERT") :]
    file.write_bytes(swapped if content is None else content)
    with pytest.raises(UserError, match="is damaged; remove it"):
        certificate.identity()


def test_a_key_that_cannot_be_kept_stops_a_run_before_it_begins(tmp_path, monkeypatch):
    write_footage(tmp_path, count=2)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(certificate.VARIABLE, str(tmp_path / "file" / "settings"))
    with pytest.raises(UserError, match="--no-provenance"):
        convert.run(options(tmp_path), INVERT)
    assert not (tmp_path / "result").exists()
    report = convert.run(options(tmp_path, provenance=False), INVERT)
    assert report.counts["frames"] == 2


@pytest.mark.parametrize("name", ["folder", "jpegs", "x.mp4", "x.mov", "x.mkv"])
def test_what_convert_writes_is_signed(tmp_path, name):
    write_footage(tmp_path, count=3)
    image_format = "jpg" if name == "jpegs" else "png"
    convert.run(options(tmp_path, name, image_format=image_format), INVERT)
    assert main.main(["verify", str(tmp_path / name), "--no-ask"]) == 0
    assert main.main(["verify", str(tmp_path / "frames")]) == ExitStatus.NOT_MARKED


@pytest.mark.parametrize("name", ["folder", "x.mkv"])
def test_provenance_can_be_switched_off_and_the_log_says_so(tmp_path, name):
    write_footage(tmp_path, count=3)
    result = tmp_path / name
    convert.run(options(tmp_path, name), INVERT)
    changes = {"provenance": False, "overwrite": True}
    report = convert.run(options(tmp_path, name, **changes), INVERT)
    assert "--no-provenance" in report.notes["the result"][-1]
    log = (tmp_path / f"{name}_log.jsonl").read_text().splitlines()
    begun, finished, begun_again, finished_again = map(json.loads, log)
    assert begun["options"]["provenance"] is True
    assert begun_again["options"]["provenance"] is False
    assert finished["provenance"] == "marked and signed"
    assert "--no-provenance" in finished_again["provenance"]
    file = result / "000000.png" if name == "folder" else result
    assert read_credential(file) is None
    assert read_sidecar(file) is None
    assert read_mark(file) is None
    assert not sidecar_of(file).exists()
    assert read_image(file).shape if name == "folder" else times_of(file)
