"""The kinds of files that may come from anyone: good samples of each, and what reads them."""

import hashlib
import io
import json
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import av
import cv2
import numpy as np
from PIL import Image
from support import deepfacelab
from support import dfl_model as saved_by_dfl
from support.clips import make_clip
from support.synthetic import make_faceset

from converters.interactive import session_file
from converters.look import Look, load_look, save_look
from converters.look_timeline import LookTimeline
from converters.output import video
from converters.output.journal import Journal, RunIdentity
from converters.output.naming import was_named
from converters.output.parts import PartRecord
from extractor import journal, labels
from facelib import face_mask, held_out, mask_png, people
from facelib.faceinfo import to_json
from facelib.faceset import Faceset, fingerprint, read_face, write_face
from facelib.mask_label import POLYGON, STROKE, MaskLabel, Shape
from facelib.validation_log import ValidationLog
from fuzz.campaign import ReaderKind
from models import checkpoint
from sorter import METHODS, cache, rename
from sorter.features import IDENTITY, IMAGE_STATS, POSE
from sorter.job import SortJob
from tools import verify
from tools.evaluate import conversion_log
from tools.util import dfl_layers, dfl_model, dfl_options, dfl_pack, import_dfl, metadata, pack
from tools.util.options import ImportOptions, PackOptions, RestoreMetadataOptions, UnpackOptions
from tools.video import extract
from trainer.options import for_arguments, saved_options
from utils import images, options
from utils.errors import UserError
from utils.files import Manifest, write_json
from utils.provenance.c2pa import Marker
from utils.provenance.mark import mark_image, read_mark, video_tags
from utils.provenance.sidecar import write_sidecar
from utils.video.audio import Sound
from utils.video.io import open_source
from utils.video.timestamps import FrameTime, Timestamps
from utils.workspace import Workspace
from workbench import presets, progress
from workbench.jobs import JobQueue

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
FRAMES = 50
"""A damaged video may claim to have any number of them."""


def each(*calls):
    """Call functions with an argument each; that one refuses does not keep the rest from it."""
    refusals = []
    for function, *arguments in calls:
        try:
            function(*arguments)
        except UserError as problem:
            refusals.append(problem)
    if len(refusals) == len(calls) and refusals:
        raise refusals[0]


# ------------------------------------------------------------------------------------- face files


def face_samples(folder):
    for number, size in enumerate((32, 64)):
        (path,) = make_faceset(folder / str(number), 1, seed=number, size=size)
        if number:
            image, info = read_face(path)
            write_face(path, image, drawn_on(info))


def drawn_on(info):
    """A face with a label and a mask."""
    shapes = (
        Shape(POLYGON, include=True, points=info.source_landmarks[:17].astype(float)),
        Shape(STROKE, include=False, points=info.source_landmarks[30:33].astype(float), width=5.5),
    )
    mask = mask_png.encode(PIXELS[:24, :24, 0])
    return replace(info, mask_label=MaskLabel(shapes), mask=mask)


def read_faces(folder):
    for path, info in Faceset.open(folder):
        masks = [(face_mask.mask_from, source, info, 32) for source in ("label", "applied")]
        each((read_face, path), (fingerprint, path), (to_json, info, path.name), *masks)


# --------------------------------------------------------------------------------------- journals

HEADER = {"version": 1, "source": "clip.mp4", "bytes": 7}
ITEM = {"item": "000000", "time": "0", "end": "1/25", "last": 0, "frames": 1, "faces": 1,
        "failures": []}  # fmt: skip


def lines(path, *records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def journal_samples(folder):
    head = {"header": HEADER}
    faces = [{"item": f"00000{n}.png", "faces": [[1, 2, 30.5, 40, 0.9, 0.5]]} for n in range(3)]
    lines(folder / "extract" / journal.JOURNAL, head, *faces, {"item": journal.END})
    done = [{"item": f"00000{n}.png", "look": "ab", "faces": 1} for n in range(3)]
    lines(folder / "convert" / "result" / video.JOURNAL, head, *done)
    (folder / "convert" / "result" / "000000.png").touch()
    named = {"item": "*", "after": "000250", "named": {"/x/y.mp4": [5, 6]}}
    second = ITEM | {"item": "000250", "after": "000000"}
    lines(folder / "parts" / "y.mp4_parts" / video.JOURNAL, head, ITEM, second, named)
    times = [{"item": f"00000{n}.png", "time": f"{n}/25", "duration": "1/25"} for n in range(3)]
    lines(folder / "frames" / extract.JOURNAL, head, *times)
    begun = {"event": "begun", "options": {"input_dir": "/a/clip.mp4", "from_": "3", "to": "1:02"}}
    lines(folder / "log" / "y.mp4_log.jsonl", begun, {"event": "finished"})
    make_faceset(folder / "metadata" / "faces", 1, size=32)
    metadata.save(RestoreMetadataOptions(input_dir=folder / "metadata" / "faces"))
    (folder / "labels").mkdir()
    labels.keep(folder / "labels", [drawn_on(info) for _, info in
                                    Faceset.open(folder / "metadata" / "faces")])  # fmt: skip
    moves = [["a.png", "sorting0_000000.png", "b.png"],
             ["c.png", "sorting0_000001.png", ":trash/c.png"],
             ["b.png", "sorting0_000002.png", "group/a.png"]]  # fmt: skip
    for phase, undoes, name in (("gather", None, "plan"), ("hand out", 1, "plan"),
                                ("hand out", None, "undo-000001")):  # fmt: skip
        place = folder / f"{name} {undoes}" / "faces"
        (place / ".sort").mkdir(parents=True)
        for move in moves:
            (place / move[0]).touch()
        plan = {"version": 1, "phase": phase, "undoes": undoes, "moves": moves}
        (place / ".sort" / f"{name}.json").write_text(json.dumps(plan))
    record_samples(folder)


def record_samples(folder):
    """The records that are JSON as a whole."""
    for name in ("look", "session", "times", "progress"):
        (folder / name).mkdir()
    save_look(folder / "look" / "y_convert.json", Look())
    session = session_file.SavedSession(LookTimeline({0: Look(), 3: Look(mode="raw")}), 2)
    names = [f"{n:06d}.png" for n in range(5)]
    session_file.save(folder / "session" / "y.session.json", session, "frames", names)
    shown = {f"{n:06d}": FrameTime(Fraction(n, 25), Fraction(1, 25)) for n in range(3)}
    stamps = Timestamps(shown, Fraction(1, 90000), Fraction(25), True, Fraction(4, 3))
    stamps.write(folder / "times" / "timestamps.json")
    write_held_out(folder / "held out")
    (folder / "progress" / "progress.csv").write_text("iteration,seconds\n100,1.5\n200,3\n")


def write_held_out(folder):
    block = held_out.Block("clip.mp4", 1, 2, 3, 4)._asdict()
    record = {"version": 1, "src": [block], "dst": [block, block]}
    write_json(folder / held_out.FILE, record)


def read_journals(folder):
    found = [path for path in folder.rglob("*") if path.is_file()]
    readers = [(reader, path) for path in found for reader in (JOURNALS.get(path.name),) if reader]
    each(*readers)


def read_extract(path):
    with journal.opened(path.parent, dict(HEADER), path.parent / "x", overwrite=False) as manifest:
        journal.frames_of(manifest)
        journal.manual_frames(manifest)


def read_convert(path):
    if path.parent.name.endswith("_parts"):
        manifest = Manifest(path, None, video._check)
        list(map(PartRecord.of, (row for name, row in manifest.done.items() if name != "*")))
        was_named(path.parent.with_name("y.mp4"), path.parent)
        return
    with Journal(path.parent, RunIdentity(HEADER, lambda name: "ab")) as found:
        found.add("000009.png", faces=1)


def read_frame_times(path):
    manifest = Manifest(path, dict(HEADER), extract._times)
    list(map(extract._times, manifest.done.values()))


def read_log(path):
    def clip(name):
        return SimpleNamespace(is_video=True, path=path.with_name(name), located=lambda span: span)

    conversion_log.converted_span(clip("clip.mp4"), clip("y.mp4"))


def read_metadata(path):
    metadata.restore(RestoreMetadataOptions(input_dir=path.with_name("faces")))


def read_plan(path):
    rename.groups(path.parents[1])
    rename.finish_interrupted(path.parents[1])


def read_undo(path):
    each((rename.groups, path.parents[1]), (rename.undo, path.parents[1]))


def read_progress(path):
    log = ValidationLog(path)
    log.until(1000)
    log.add({"iteration": 300})


JOURNALS = {
    labels.FILE: lambda path: labels.Labels.kept_in(path.parent),
    journal.JOURNAL: read_extract,
    video.JOURNAL: read_convert,
    extract.JOURNAL: read_frame_times,
    "y.mp4_log.jsonl": read_log,
    "faces.faces.jsonl": read_metadata,
    "plan.json": read_plan,
    "undo-000001.json": read_undo,
    "y_convert.json": load_look,
    "y.session.json": lambda path: session_file.load(path, "frames", lambda name: 0),
    "timestamps.json": Timestamps.read,
    held_out.FILE: lambda path: held_out.of_model(path.parent),
    "progress.csv": read_progress,
}


# ----------------------------------------------------------------------------------------- caches

BY_CACHE = ("hist", "hist-dissim", "hist-blur", "blur", "focus", "motion-blur", "face-yaw",
            "brightness", "hue", "black", "final")  # fmt: skip


def cache_samples(folder):
    place = folder / "0"
    make_faceset(place, 3, size=32)
    faces = Faceset.open(place)
    (place / ".sort").mkdir()
    for feature in (IMAGE_STATS, POSE):
        cache.measure(faces, feature, place / ".sort")
    vectors = np.zeros(3, IDENTITY.dtype)
    vectors["vector"] = np.eye(3, 128)
    keys = [fingerprint(path) for path, _ in faces]
    cache._save(place / ".sort" / "identity.npz", keys, vectors)


def read_caches(folder):
    faces = Faceset.open(folder)
    job = SortJob(faces, store=folder / ".sort")
    keys, vectors = cache._load(folder / ".sort" / "identity.npz", IDENTITY)
    by = BY_CACHE
    if len(keys) == len(faces):  # else a network would measure them again
        job.measured[IDENTITY.name] = list(faces), vectors
        by = (*by, "identity")
    each(*((METHODS.load(name), job) for name in by))


# ------------------------------------------------------------------- packed facesets, and imports


def packed_samples(folder):
    make_faceset(folder.parent / "to pack", 2, size=32)
    for name in ("0", "1"):
        (folder / name).mkdir()
        pack.pack(PackOptions(input_dir=folder.parent / "to pack", output=folder / name / "f.zip"))


def read_packed(folder):
    pack.unpack(UnpackOptions(input=folder / "f.zip"))


def import_samples(folder):
    for number, name in enumerate(("a.png", "b.jpg", "c.png")):
        image, record = deepfacelab.make_face(number, size=64)
        if number == 2:
            record |= {
                "image_to_face_mat": deepfacelab.matrix_of(record["source_landmarks"], 64, 12)
            }
        if number:
            points = np.float32([(5, 5), (50, 9), (30, 60)])
            record["seg_ie_polys"] = {"polys": [{"type": 1, "pts": points}]}
            record["xseg_mask"] = cv2.imencode(".png", PIXELS[:24, :24, 0])[1].ravel()
        path = deepfacelab.write(
            folder / str(number) / "in", name, image, record, protocol=2 + number
        )
        if number == 2:
            (folder / "3" / "in").mkdir(parents=True)
            deepfacelab.pack(folder / "3" / "in" / dfl_pack.NAME, {name: path.read_bytes()})


def read_imports(folder):
    report = import_dfl.run(ImportOptions(input_dir=folder / "in"))
    if report.failures:
        raise UserError(report.failures[0])


def imported_model_samples(folder):
    weights = {"encoder": {"a/weight:0": np.ones((5, 30), np.float32),
                           "a/bias:0": np.ones(30, np.float16)}}  # fmt: skip
    for number, archi in enumerate(("df-ud", "amp")):
        given = saved_by_dfl.options_of(archi, resolution=np.int64(64))
        data = saved_by_dfl.data_of(given, 20)
        saved_by_dfl.write(folder / str(number), given, weights, data=data)


def read_imported_models(folder):
    wanted = [
        dfl_layers.Source("encoder", ("a/weight",), (5, 30)),
        dfl_layers.Source("encoder", ("a/bias",), (30,)),
    ]
    kinds = [path.name.split("_")[1] for path in folder.glob("*_encoder.npy")]
    old = dfl_model.DflModel(folder, f"new_{kinds[0]}", 0, {})
    each(
        (lambda: dfl_options.translated(dfl_model.open_model(folder)),),
        (dfl_layers.read_network, old, wanted),
    )


# ---------------------------------------------------------------------------- pictures and videos


def picture_samples(folder):
    deep = (PIXELS.astype(np.uint16) * 257, PIXELS)
    made = {
        "a.png": cv2.imencode(".png", PIXELS)[1],
        "b.png": cv2.imencode(".png", deep[0])[1],
        "c.png": cv2.imencode(".png", np.dstack([PIXELS, PIXELS[..., 0]]))[1],
        "d.jpg": cv2.imencode(".jpg", PIXELS)[1],
        "e.jpg": cv2.imencode(".jpg", PIXELS, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1],
        "f.bmp": cv2.imencode(".bmp", PIXELS)[1],
        "g.webp": cv2.imencode(".webp", PIXELS)[1],
        "h.tif": cv2.imencode(".tif", PIXELS)[1],
        "i.tif": cv2.imencode(".tif", deep[0])[1],
    }
    turned = Image.Exif()
    turned[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "jpeg", exif=turned)
    made["j.jpg"] = np.frombuffer(file.getvalue(), np.uint8)
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "tiff", compression="tiff_lzw")
    made["k.tif"] = np.frombuffer(file.getvalue(), np.uint8)
    for name, data in made.items():
        (folder / name).mkdir()
        (folder / name / name).write_bytes(data.tobytes())


def read_pictures(folder):
    (path,) = folder.iterdir()
    images.size_of(path)
    images.bits_per_channel(path)
    each((images.read_image, path), (images.read_image_and_16_bit, path))


def video_samples(folder):
    times = [Fraction(n, 25) for n in range(3)]
    for name, codec in (("a.mp4", "libx264"), ("b.mkv", "libx264"), ("c.mov", "mjpeg"),
                        ("d.avi", "mpeg4"), ("e.mkv", "ffv1"), ("f.webm", "libvpx")):  # fmt: skip
        (folder / name).mkdir()
        sound = {"d.avi": "mp3", "f.webm": "libopus"}.get(name, "aac")
        how = {"time_base": Fraction(1, 25)}
        how |= {"pix_fmt": "yuvj420p"} if codec == "mjpeg" else {}
        make_clip(folder / name / name, times, codec=codec, size=(32, 24), sound=sound, **how)


def read_videos(folder):
    (path,) = folder.iterdir()
    source = open_source(path)
    each((take, source, FRAMES), (Sound.of, source), (read_mark, path), (take, source.times(), 50))


def take(items, count):
    """Read that many of the items at most."""
    for _ in zip(range(count), items, strict=False):
        pass


# ------------------------------------------------------------------------------------ model folder


def model_samples(folder):
    for number, model in enumerate(("H64", "SAE")):
        place = folder / str(number)
        chosen = for_arguments(["--model", model])(
            training_data_src_dir=place, training_data_dst_dir=place, model_dir=place, model=model
        )
        for iteration in (10, 20):
            checkpoint.save_generation(
                place,
                state={"model": model, "iteration": iteration, "seconds": 1.5},
                options=options.to_json(chosen),
                weights={"encoder": [np.ones((2, 3), np.float32), np.zeros(3, np.float32)]},
                optimizer={"steps": np.array(9), "m/0": np.ones(4, np.float32)},
                history=np.ones((iteration, 2)),
                keep=None,
            )
        write_held_out(place)
        vectors = np.eye(2, people.LENGTH, dtype=np.float32)
        known = (people.Person(vector, 9, frozenset({"ab"})) for vector in vectors)
        people.write_people(place, people.People(*known))


def mend_sums(folder, rng):
    """Write checksums that fit, so that not they alone are tried."""
    for place in folder.glob("generations/*"):
        if rng.random() < 0.7:
            sums = {
                path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                for path in place.iterdir()
                if path.name != "checksums.json"
            }
            (place / "checksums.json").write_text(json.dumps(sums))


def read_models(folder):
    argv = ["--model-dir", str(folder)]
    given = dict.fromkeys(("training_data_src_dir", "training_data_dst_dir", "model_dir"), folder)
    each(
        (read_newest, folder),
        (held_out.of_model, folder),
        (people.read_people, folder),
        (lambda: options.resolve(for_arguments(argv), given, saved_options(folder)),),
    )


def read_newest(folder):
    newest = checkpoint.load_newest(folder)
    if newest is not None:
        each((newest.weights,), (newest.trained_weights,), (newest.optimizer,), (newest.history,))


# -------------------------------------------------------------------------------------- provenance


def provenance_samples(folder):
    marker, times = Marker(), [Fraction(n, 25) for n in range(2)]
    for name in ("a.png", "b.jpg", "c.mp4", "d.mov", "e.mkv", "f.png"):
        (folder / name).mkdir()
        path = folder / name / name
        if name.endswith(("png", "jpg")):
            data = images.encode_image(PIXELS, path.suffix)
            path.write_bytes(mark_image(data) if name == "f.png" else marker.sign_image(data))
            continue
        make_clip(folder / "plain.mkv", times, codec="libx264", size=(32, 24), sound=None)
        remux(folder / "plain.mkv", path, video_tags())
        if name == "e.mkv":
            write_sidecar(path)
        else:
            marker.sign_video(path)
    (folder / "plain.mkv").unlink()


def remux(path, target, tags):
    flags = {} if target.suffix == ".mkv" else {"movflags": "use_metadata_tags"}
    with av.open(str(path)) as source, av.open(str(target), "w", container_options=flags) as result:
        result.metadata.update(tags)
        stream = result.add_stream_from_template(source.streams.video[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                result.mux(packet)


def read_provenance(folder):
    for path in folder.iterdir():
        if not path.name.endswith(".json"):
            found = verify.examine(path)
            with suppress(ValueError):
                assert "\x1b" not in "".join(found.problems.values()), "an escape sequence"


def queue_samples(folder):
    home = Workspace(folder / "workspace")
    home.folder.mkdir()
    queue = JobQueue(home)
    for words in (["sort", "src"], ["train", "--target-minutes", "5"]):
        queue.add(words, after=[job.number for job in queue.jobs()])
    queue.finish(queue.claim("default"), 0)
    queue.log(1).write_text('{"event": "message", "text": "a"}\n{"event": "end", "status": 0}\n')
    presets.save(home, "sort", "mine", {"by": "blur"})


def read_queues(folder):
    home = Workspace(folder)
    queue = JobQueue(home)
    progress.tail(queue.log(1))
    progress.ended_with(queue.log(1))
    each((JobQueue.jobs, queue), (presets.load, home, "sort"), (queue.claim, "default"))


JOURNAL_SUFFIXES = (".json", ".jsonl", ".csv")

KINDS = {
    kind.name: kind
    for kind in (
        ReaderKind("face files", face_samples, read_faces),
        ReaderKind(
            "journals",
            journal_samples,
            read_journals,
            mutated=lambda name: name.endswith(JOURNAL_SUFFIXES),
        ),
        ReaderKind("caches", cache_samples, read_caches, lambda name: name.endswith(".npz")),
        ReaderKind("packed facesets", packed_samples, read_packed),
        ReaderKind("imports", import_samples, read_imports),
        ReaderKind("imported models", imported_model_samples, read_imported_models),
        ReaderKind("pictures", picture_samples, read_pictures),
        ReaderKind("videos", video_samples, read_videos),
        ReaderKind("model folders", model_samples, read_models, repair=mend_sums),
        ReaderKind("provenance", provenance_samples, read_provenance),
        ReaderKind("queues", queue_samples, read_queues),
    )
}  # fmt: skip
