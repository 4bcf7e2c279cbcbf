"""`evaluate`: measures a swap by comparing the result with dst's footage and src's faces.

Identity alone proves nothing: a blurred average of src's faces is closer to src than to dst in
every frame. So the metrics of two baselines stand beside the result's: the untouched footage (all
of the expression, none of the identity), and src's average face pasted in (the reverse).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from facelib import geometry, held_out, similarity
from facelib.coverage import direction_gaps
from facelib.faceset import FaceInfo, Faceset, read_face
from facelib.frame_edge import mirror_beyond_frame
from facelib.landmarks import hull_mask
from facelib.recognizers import RECOGNIZERS
from facelib.types import FaceType
from facelib.validation_log import ValidationLog
from facelib.verdict import verdict
from models.checkpoint import Generation, model_of, trained_generation
from models.engine import engine
from tools.evaluate.baseline import AverageFace
from tools.evaluate.conversion_log import check_counts, converted_span
from tools.evaluate.observe import (
    FaceNetworks,
    Observation,
    Observer,
    alike,
    centers_in,
    drawn_in,
    pair_frames,
)
from tools.evaluate.options import EvaluateOptions, check
from tools.evaluate.per_frame import per_frame
from tools.evaluate.report import Recognizer, compare, plain, table
from utils import console
from utils.console import Report
from utils.errors import InputError
from utils.files import write_json
from utils.images import Image, to_float
from utils.options import to_json
from utils.parallel import Failure, cores, ordered_map
from utils.video.frame import WHOLE, Span
from utils.video.io import open_source
from utils.video.source import FrameSource

SRC_FACES = 64  # enough for a typical face and for an average
HELD_OUT_FACES = 256
BATCH = 16

COLUMNS = {"result": "result", "dst": "untouched", "average": "average"}
CAVEAT = """\
untouched = dst's own footage: no better than this says nothing about identity
average   = src's average face pasted in: no better says nothing of the swap
Identity alone proves nothing: read it together with mouth, eyes and sharpness."""


def run(options: EvaluateOptions) -> Report:
    """Measure a result, print a table, and write JSON if an output file is given."""
    check(options)
    clips = _clips(options)
    trained = None if options.model_dir is None else trained_generation(options.model_dir)
    span = converted_span(*clips)
    check_counts(*clips, span)
    if span != WHOLE:
        console.say(f'Only the part of dst that "{options.result.name}" was made from is compared.')
    src_faceset = Faceset.open(options.src_aligned)
    dst_faceset = None if options.dst_aligned is None else Faceset.open(options.dst_aligned)
    report = Report(notes={"not read in --src-aligned": src_faceset.skipped})
    src_faces = _read_faces(src_faceset, SRC_FACES, report)
    average = AverageFace(src_faces) if options.baseline else None
    networks = FaceNetworks(
        options.detector, options.landmarker, options.recognizer, cpu_only=options.cpu_only
    )
    centers = None if dst_faceset is None else centers_in(dst_faceset, clips[0])
    drawn = {} if dst_faceset is None else drawn_in(dst_faceset, clips[0])
    recognizer = RECOGNIZERS.load(options.recognizer)()
    src = _reference(networks, src_faces, recognizer, report)
    observations = _observe(
        Observer(networks, centers, average, drawn), *clips, options.every, span, report
    )
    frames = _count(observations, report)
    if not frames["measured"]:
        raise InputError(
            f'no frame of "{options.result}" shows a face where "{options.dst}" has one; '
            "check that the two belong together"
        )
    versions = [version for version in COLUMNS if version != "average" or options.baseline]
    result: dict[str, Any] = {
        "version": 1,
        "options": to_json(options),
        "frames": frames,
        "figures": {
            version: compare(observations, version, src, recognizer) for version in versions
        },
        "per_frame": per_frame(observations, src, recognizer),
        "self_reconstruction": None,
    }
    log: Sequence[Mapping[str, float]] | None = None
    mirrored = True
    if options.model_dir is not None and trained is not None:
        log = ValidationLog.of(options.model_dir).until(trained.iteration)
        mirrored = bool(trained.options.get("random_flip", True))
        if dst_faceset is not None:
            result["self_reconstruction"] = _reconstruct(
                trained, options.model_dir, dst_faceset, report
            )
    gaps = (
        [] if dst_faceset is None else direction_gaps(src_faceset, dst_faceset, mirrored=mirrored)
    )
    before = {"identity_to_src_before": result["figures"]["dst"]["identity_to_src"]}
    result["verdict"] = verdict(result["figures"]["result"] | before, log, gaps).splitlines()
    _print(result)
    if not _has_irises(observations):
        console.say(f"gaze was not measured: {options.landmarker} does not locate irises")
    if options.output is not None:
        write_json(options.output, plain(result))
    return report


def _clips(options: EvaluateOptions) -> tuple[FrameSource, FrameSource]:
    """Open both clips, with square pixels."""
    dst = open_source(options.dst, square_pixels=True)
    result = open_source(options.result, square_pixels=True)
    aspect = dst.video_format.aspect
    if alike(dst.own_size, result.own_size):  # images and some videos do not say their aspect
        result.video_format = replace(result.video_format, aspect=aspect)
    return dst, result


def _read_faces(
    faces: Sequence[tuple[Path, FaceInfo]], most: int, report: Report
) -> list[tuple[Image, FaceInfo]]:
    """Read some face images, evenly spread; a damaged one goes into the report."""
    paths = [faces[index][0] for index in similarity.spread_out(len(faces), most)]
    read: list[tuple[Image, FaceInfo]] = _collect(
        ordered_map(read_face, paths, workers=cores()), report
    )
    if not read:
        raise InputError(f'no face in "{paths[0].parent}" can be read; extract them again')
    return read


def _reference(
    networks: FaceNetworks,
    faces: Sequence[tuple[Image, FaceInfo]],
    recognizer: Recognizer,
    report: Report,
) -> np.ndarray:
    """Return the embedding of the most typical of some faces."""

    def embed(face: tuple[Image, FaceInfo]) -> np.ndarray:
        return networks.embed(face[0], face[1].landmarks)

    console.announce("recognizing src's faces")
    found = _collect(ordered_map(embed, faces, workers=cores()), report)
    if not found:
        raise InputError("no face of --src-aligned can be recognized; extract them again")
    return similarity.medoid(np.stack(found), recognizer.distance)


def _collect(results: Iterable[Any], report: Report) -> list[Any]:
    """Return what succeeded; what failed goes into the report."""
    done = []
    for result in results:
        if isinstance(result, Failure):
            report.failures.append(str(result.error))
        else:
            done.append(result)
    return done


def _observe(
    observer: Observer,
    dst: FrameSource,
    result: FrameSource,
    every: int,
    span: Span,
    report: Report,
) -> list[Observation]:
    """Observe every pair of frames, on all cores."""
    pairs = pair_frames(dst, result, every, span)
    count = span.count(dst.count, dst.rate) if result.is_video else dst.count
    total = None if count is None else -(-count // every)
    observed = console.progress(ordered_map(observer, pairs, workers=cores()), total, "Evaluating")
    observations: list[Observation] = _collect(observed, report)
    report.failures += dst.failures + result.failures
    report.notes["the footage"] = dst.notes + result.notes
    return observations


def _count(observations: Sequence[Observation], report: Report) -> dict[str, Any]:
    """Report which frames were measured; return the same for the JSON."""
    wanted = [o for o in observations if o.wanted]
    faces = [o for o in wanted if o.dst is not None]
    missing = [o.name for o in wanted if not o.in_result]
    seen = [(o.name, face) for o in faces if (face := o.compared["result"]) is not None]
    faceless = [name for name, face in seen if face.face is None]
    measured = len(seen) - len(faceless)
    blank = [o.name for o in wanted if o.dst is None]
    report.counts |= {"frames": len(observations), "frames measured": measured}
    report.notes |= {
        "frames missing in the result": missing,
        "frames without a face in the result": faceless,
        "frames without a face in dst": blank,
    }
    return {
        "looked_at": len(observations),
        "wanted": len(wanted),
        "measured": measured,
        "missing_in_result": missing,
        "without_face_in_result": faceless,
        "without_face_in_dst": blank,
    }


def _has_irises(observations: Iterable[Observation]) -> bool:
    faces = (o.dst.face for o in observations if o.dst is not None)
    return any(face is not None and face.iris is not None for face in faces)


def _reconstruct(
    trained: Generation, model_dir: Path, faceset: Faceset, report: Report
) -> dict[str, Any]:
    """Return how well the model reconstructs the dst faces that were held out of training."""
    _, unseen = held_out.of_model(model_dir)[1].split(faceset)
    if not unseen:
        return {"ssim": np.nan, "faces": 0}
    engine().tune()
    console.announce(f"reconstructing {min(len(unseen), HELD_OUT_FACES)} held-out faces of dst")
    model = model_of(trained)
    chosen = _read_faces(unseen, HELD_OUT_FACES, report)
    crops = [_crop(*face, model.resolution, model.face_type) for face in chosen]
    values: list[float] = []
    for start in range(0, len(crops), BATCH):
        faces, hulls = zip(*crops[start : start + BATCH], strict=True)
        batch = np.stack(faces)
        images = np.asarray(model.reconstruct(batch, batch)[1].image)
        values += map(similarity.masked_ssim, faces, images, hulls)
    return {"ssim": float(np.nanmedian(values)), "faces": len(values)}


def _crop(
    image: Image, info: FaceInfo, size: int, face_type: FaceType
) -> tuple[np.ndarray, np.ndarray]:
    """Return a model's input, (size, size, 3) float32, and the face's hull, (size, size)."""
    matrix = geometry.crop_matrix(info.landmarks, size, face_type)
    image, _ = mirror_beyond_frame(image, info.matrix, info.frame_size)
    face = geometry.warp_face(to_float(image), matrix, size)
    return face, hull_mask(geometry.apply(matrix, info.landmarks), (size, size))[..., 0]


def _print(result: dict[str, Any]) -> None:
    columns = {COLUMNS[version]: values for version, values in result["figures"].items()}
    console.say()
    console.say(table(columns))
    reconstruction = result["self_reconstruction"]
    if reconstruction is not None and reconstruction["faces"]:
        console.say(
            f"\nself-reconstruction of {reconstruction['faces']} dst faces not trained on: "
            f"SSIM {reconstruction['ssim']:.3f} (median; 1 = identical)"
        )
    elif reconstruction is not None:
        console.say("\nno dst face is held out, so self-reconstruction was not measured")
    console.say(f"\n{CAVEAT}")
    if result["verdict"]:
        console.say("\n".join(["\nWhat a viewer sees", *result["verdict"]]))
