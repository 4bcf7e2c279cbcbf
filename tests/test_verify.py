"""Signing and `verify`: every written format is read back, every change is noticed."""

import datetime
import io
import json
import os
import stat
import struct
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
from utils.errors import ExitStatus, UserError, Verdict
from utils.images import encode_image, read_image
from utils.provenance import c2pa, certificate, coverage, sidecar
from utils.provenance.c2pa import Marker, read_credential
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, mark_image, mark_jpeg, read_mark, video_tags
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
def plain(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("plain") / "plain.mkv", codec="libx264")


@pytest.fixture(scope="module")
def signed(plain, tmp_path_factory):
    """One file of every format that is written, marked and signed."""
    folder = tmp_path_factory.mktemp("signed files")
    marker = Marker()
    for name in ("x.png", "x.jpg"):
        (folder / name).write_bytes(marker.sign_image(encode_image(PIXELS, Path(name).suffix)))
    for name in VIDEOS:
        kind = "mp4" if name.endswith("m4v") else None
        remux(plain, folder / name, video_tags(), kind)
        if name == "x.mkv":
            write_sidecar(folder / name)
        else:
            marker.sign_video(folder / name)
    return folder


def test_a_video_is_signed_in_place(plain, tmp_path):
    """Windows cannot replace the unfinished file, which its writer holds open."""
    path = tmp_path / "x.mp4"
    remux(plain, path, video_tags())
    with path.open("rb") as held:
        Marker().sign_video(path)
        assert held.read() == path.read_bytes()
    assert read_credential(path) is not None
    assert list(tmp_path.iterdir()) == [path]


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
    assert status(signed / name) == ExitStatus.DONE
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
        assert status(changed) & Verdict.CHANGED, place
    assert capsys.readouterr().out.count("INVALID") >= len(places) - 1


def test_no_byte_of_a_png_can_change_unnoticed(signed, tmp_path):
    whole = (signed / "x.png").read_bytes()
    for place in range(0, len(whole), 31):
        data = bytearray(whole)
        data[place] ^= 4
        (tmp_path / "x.png").write_bytes(data)
        assert status(tmp_path / "x.png") & Verdict.CHANGED, place


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
    assert status(video) == Verdict.SIGNER_UNKNOWN  # marked, but not signed


def test_pixels_and_packets_are_not_touched(signed, plain):
    with Image.open(signed / "x.png") as image:
        assert np.array_equal(np.asarray(image)[..., ::-1], PIXELS)
    jpeg = io.BytesIO(encode_image(PIXELS, ".jpg"))
    with Image.open(jpeg) as before, Image.open(signed / "x.jpg") as image:
        assert image.tobytes() == before.tobytes()
        assert DIGITAL_SOURCE_TYPE.encode() in image.info["xmp"]
    for name in ("x.mp4", "x.mov"):
        assert [data for _, data in sound_of(signed / name)] == [d for _, d in sound_of(plain)]
        assert len(times_of(signed / name)) == len(times_of(plain))


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


def test_the_verdict_has_three_parts(signed, tmp_path, capsys):
    plain = tmp_path / "holiday.png"
    plain.write_bytes(encode_image(PIXELS))
    assert status(plain) == Verdict.NOT_MARKED | Verdict.SIGNER_UNKNOWN
    assert "its tags state nothing" in capsys.readouterr().out
    marked = tmp_path / "marked.png"
    marked.write_bytes(mark_image(encode_image(PIXELS)))
    assert status(marked) == Verdict.SIGNER_UNKNOWN
    changed = tmp_path / "changed.jpg"
    changed.write_bytes((signed / "x.jpg").read_bytes() + b"!")
    assert status(changed) == Verdict.CHANGED
    assert status(signed / "x.png", changed, plain) == 8 + 16 + 32
    for content in (b"", b"text"):
        (tmp_path / "x.mp4").write_bytes(content)
        assert status(tmp_path / "x.mp4") == 8 + 16 + 32
    assert status(tmp_path / "missing.png", plain) == ExitStatus.FAILED


def test_another_machine_cannot_be_taken_for_this_one(signed, machine, capsys):
    certificate.identity()
    assert status(signed / "x.png", signed / "x.mkv") == Verdict.SIGNER_UNKNOWN
    said = capsys.readouterr().out
    assert "this machine (" not in said
    assert said.count("proves no person") == 2


CAMERA = DIGITAL_SOURCE_TYPE.replace("compositeWithTrainedAlgorithmicMedia", "digitalCapture")


def as_stated(monkeypatch, term):
    """Let what is signed state another source type; the tags stay."""
    action = c2pa.ACTION | {"digitalSourceType": term}
    assertion = {"label": "c2pa.actions.v2", "data": {"actions": [action]}}
    monkeypatch.setattr(c2pa, "STATEMENT", c2pa.STATEMENT | {"assertions": [assertion]})


@pytest.mark.parametrize("tagged", [False, True])
def test_a_signed_statement_counts_for_what_it_states(tmp_path, monkeypatch, tagged, capsys):
    as_stated(monkeypatch, CAMERA)
    if not tagged:
        monkeypatch.setattr(c2pa, "mark_image", lambda data: data)
    path = tmp_path / "x.png"
    path.write_bytes(Marker().sign_image(encode_image(PIXELS)))
    assert status(path) == Verdict.NOT_MARKED
    assert "captured with a camera" in capsys.readouterr().out
    assert (
        verify
        .examine(path)
        .problems[Verdict.NOT_MARKED]
        .endswith("contradict each other" if tagged else "captured with a camera (digitalCapture)")
    )


FORGED = "x\n  it is signed by this machine\x1b[2J\u202e"


def test_texts_of_a_file_cannot_imitate_our_lines(signed, tmp_path, monkeypatch, capsys):
    as_stated(monkeypatch, FORGED)
    monkeypatch.setattr(c2pa, "mark_image", lambda data: data)
    image, video = tmp_path / "x.png", tmp_path / "x.mkv"
    image.write_bytes(Marker().sign_image(encode_image(PIXELS)))
    video.write_bytes((signed / "x.mkv").read_bytes())
    monkeypatch.setattr(certificate, "MAKER", FORGED[:29])
    stranger = parsed(certificate._make())
    monkeypatch.setattr(sidecar, "DIGITAL_SOURCE_TYPE", FORGED)
    write_sidecar(video, identity=stranger)
    assert status(image, video) & Verdict.NOT_MARKED
    said = capsys.readouterr().out
    assert not [line for line in said.splitlines() if line.startswith("  it is signed by this")][1:]
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert r"\x1b[2J" in said


def parsed(pem):
    marker = b"-----BEGIN CERTIFICATE-----"
    key, _, chain = pem.partition(marker)
    return certificate.Identity(key, marker + chain)


class TwelveYearsAgo:
    UTC, timedelta = datetime.UTC, datetime.timedelta

    class datetime:  # noqa: N801 - stands in for the class of the library
        @staticmethod
        def now(zone):
            return datetime.datetime.now(zone) - datetime.timedelta(days=12 * 365)


def test_an_expired_certificate_is_no_known_signer(signed, tmp_path, machine, monkeypatch, capsys):
    monkeypatch.setattr(certificate, "datetime", TwelveYearsAgo)
    identity = certificate.identity()
    video = tmp_path / "x.mkv"
    video.write_bytes((signed / "x.mkv").read_bytes())
    write_sidecar(video, identity=identity)
    assert certificate.known() == identity
    assert status(video) == Verdict.SIGNER_UNKNOWN
    said = capsys.readouterr().out
    assert "it was not changed since it was signed" in said
    assert "not valid at this time" in said


def test_a_sidecar_without_a_type_marks_nothing(signed, tmp_path, monkeypatch, capsys):
    video = remux(signed / "x.mkv", tmp_path / "x.mkv", {})
    monkeypatch.setattr(sidecar, "DIGITAL_SOURCE_TYPE", None)
    write_sidecar(video)
    assert status(video) == Verdict.NOT_MARKED
    assert "None" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["x.mp4", "x.png", "renamed.mkv"])
def test_a_sidecar_says_nothing_of_a_file_that_could_hold_its_own_statement(signed, tmp_path, name):
    path = tmp_path / name
    if name == "x.png":
        path.write_bytes(mark_image(encode_image(PIXELS)))
    else:
        remux(signed / "x.mp4", tmp_path / "bare.mp4", video_tags()).rename(path)
    write_sidecar(path)
    assert status(path) == Verdict.SIGNER_UNKNOWN


# ------------------------------------------------------------------ which bytes a signature covers


def box(kind, size):
    return struct.pack(">I4s", size, kind) + b"x" * (size - 8)


@pytest.mark.parametrize("extra", [box(b"free", 24), box(b"skip", 9), box(b"ftyp", 32)])
def test_what_follows_the_signed_end_of_a_video_is_named(signed, tmp_path, extra, capsys):
    whole = (signed / "x.mp4").read_bytes()
    (tmp_path / "x.mp4").write_bytes(whole + extra)
    assert status(tmp_path / "x.mp4") == ExitStatus.DONE  # C2PA leaves these boxes out
    said = capsys.readouterr().out
    assert f"{len(extra)} bytes follow the end of its content, from byte {len(whole)} on" in said
    assert status(signed / "x.mp4") == ExitStatus.DONE
    assert "follow the end" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
@pytest.mark.parametrize("is_signed", [False, True])
def test_what_follows_the_end_of_an_image_is_named(signed, tmp_path, name, is_signed, capsys):
    whole = (signed / name).read_bytes()
    if not is_signed:
        file = io.BytesIO()
        picture = Image.fromarray(PIXELS)
        picture.save(file, "png" if name == "x.png" else "jpeg", progressive=True)
        whole = file.getvalue()
    (tmp_path / name).write_bytes(whole + b"PK\x03\x04 hidden")
    assert bool(status(tmp_path / name) & Verdict.CHANGED) is is_signed
    assert f"11 bytes follow the end of its content, from byte {len(whole)} on" in (
        capsys.readouterr().out
    )


def boxes(data):
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, size
        at += size


def test_the_bytes_that_are_said_not_to_be_covered_are_those(signed, tmp_path, capsys):
    """The boxes are walked here; a change of a covered one is tested above, with every format."""
    whole = (signed / "x.mp4").read_bytes()
    left_out = [b for b in boxes(whole) if b[0] in (b"ftyp", b"uuid", b"free", b"skip")]
    size = sum(size for _, _, size in left_out)
    assert status(signed / "x.mp4") == ExitStatus.DONE
    assert f"covers all but {size} bytes" in capsys.readouterr().out
    (_, start, _) = left_out[0]
    changed = bytearray(whole)
    changed[start + 12] ^= 1  # the minor version of its type
    (tmp_path / "x.mp4").write_bytes(changed)
    assert status(tmp_path / "x.mp4") == ExitStatus.DONE


def test_a_signer_may_leave_out_no_more_than_that(signed):
    usual = [{"xpath": "/uuid"}, {"xpath": "/ftyp"}, {"xpath": "/free"}]
    film = {"c2pa.hash.bmff.v3": {"exclusions": [*usual, {"xpath": "/mdat"}]}}
    assert coverage.chosen_gaps(signed / "x.mp4", film) == ["/mdat"]
    whole = (signed / "x.png").read_bytes()
    start = whole.index(b"caBX") - 4
    size = struct.unpack_from(">I", whole, start)[0] + 12
    for length, gaps in ((size, []), (size + 1, [f"bytes {start} to {start + size + 1}"])):
        facts = {"c2pa.hash.data": {"exclusions": [{"start": start, "length": length}]}}
        assert coverage.chosen_gaps(signed / "x.png", facts) == gaps


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
    assert main.main(["verify", str(tmp_path / "frames")]) == 8 + 32


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
