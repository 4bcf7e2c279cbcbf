"""What is checked before a conversion begins."""

from pathlib import Path

from converters.look import has_alpha
from converters.options import ConvertOptions
from converters.plan import VIDEO_FRAME
from facelib.faceset import FaceInfo
from utils import console
from utils.errors import InputError, UsageError
from utils.files import VIDEO_SUFFIXES, list_images
from utils.video.codecs import CODECS, EncoderSettings, container_of
from utils.video.frame import Span
from utils.video.source import FrameSource, span_between

FacesByFrame = dict[str, list[FaceInfo]]


def is_video(path: Path) -> bool:
    """Whether an output path means a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def check_output(options: ConvertOptions) -> None:
    """Refuse an output that would destroy an input or a finished video, or cannot hold the result.

    Raises
    ------
    UsageError, InputError
    """
    if options.mask_dir:
        list_images(options.mask_dir)
    output, mask = options.output_dir, options.mask_output
    for place in filter(None, (output, mask)):
        for name in ("input_dir", "aligned_dir", "model_dir"):
            if place.resolve() == getattr(options, name).resolve():
                raise UsageError(f"{place} is also the --{name.replace('_', '-')}")
        if not is_video(place) and place.exists() and not place.is_dir():
            raise InputError(
                f'"{place}" is a file, but no video (such as result.mp4); name another place'
            )
    if mask is not None and (is_video(mask) != is_video(output) or mask == output):
        raise UsageError(
            "--mask-output: Expected a folder if the result is one, else a video, and not the same "
            f"one. Received: {mask}"
        )
    if options.image_format == "jpg" and has_alpha(options):
        raise UsageError("a JPEG has no alpha channel: for --alpha or --raw-mode rgb+mask use png")
    if is_video(output):
        for place in filter(None, (output, mask)):
            check_video(place, options)


def check_video(path: Path, options: ConvertOptions) -> None:
    """Refuse a video that exists or cannot be written with these options.

    Raises
    ------
    UsageError, InputError
    """
    encoder = EncoderSettings(options.codec)
    container_of(path.suffix, encoder, path.name)
    if has_alpha(options) and not encoder.kind.has_alpha:
        fitting = ", ".join(name for name, kind in CODECS.items() if kind.has_alpha)
        raise UsageError(
            f"{options.codec} has no alpha channel: for --alpha or --raw-mode rgb+mask, "
            "--output-dir must be a "
            f"folder, or --codec one of: {fitting}"
        )
    if path.exists() and not options.overwrite:
        raise InputError(f'"{path}" exists already; use --overwrite or another name')


def span_of(options: ConvertOptions, source: FrameSource) -> Span:
    """Return which part of the footage is wanted.

    Raises
    ------
    UsageError
        If it is written wrongly, is empty, or is in seconds although the footage is a folder.
    """
    span = span_between(options.from_, options.to)
    if span.uses_seconds and not source.is_video:
        raise UsageError("pictures in a folder have no times; give --from and --to as numbers")
    return span


def check_names(options: ConvertOptions, source: FrameSource, faces: FacesByFrame) -> None:
    """Refuse faces of which none can belong to a frame.

    Raises
    ------
    InputError
        With an example of both sides' names.
    """
    if source.is_video:
        example, fits = "000000", any(VIDEO_FRAME.fullmatch(name) for name in faces)
    else:
        frames = [path.stem for path in list_images(options.input_dir)]
        example, fits = frames[0], not faces.keys().isdisjoint(frames)
    if not fits:
        raise InputError(
            f'no face in "{options.aligned_dir}" belongs to a frame of "{options.input_dir}": '
            f'the faces are from frames with names such as "{next(iter(faces))}", the footage has '
            f'names such as "{example}"; use the faces that extract found in this footage'
        )
    origins = sorted({info.source for infos in faces.values() for info in infos})
    if options.input_dir.name not in origins:
        console.warn(
            f'the faces were found in "{origins[0]}", the footage is "{options.input_dir.name}"; '
            "if that is not the same footage, they will be put in the wrong places"
        )
