"""What is refused before a conversion asks anything, reads the footage or loads the model."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from converters.look import Look, has_alpha, look_of, morphs, wants_trained_mask
from converters.options import ConvertOptions
from converters.output.naming import was_named
from models import MODELS, model_folder
from utils import console, display, events, shares
from utils.errors import InputError, UsageError, UserError
from utils.files import VIDEO_SUFFIXES, require_new
from utils.video import timecode
from utils.video.codecs import CODECS, EncoderSettings, container_of


def check(options: ConvertOptions) -> None:
    """Refuse what could only fail later.

    Raises
    ------
    InputError, UsageError
        If the output would destroy something, or options contradict each other.
    ModelError
        If the model folder holds another model than --model says.
    UserError
        If there is no screen for the window.
    """
    by_hand = "--remote" if options.remote else "--interactive" if options.interactive else None
    shares.check(options, options.output_dir, by_hand)
    for flag, text in (("--from", options.from_), ("--to", options.to)):
        if text is not None:
            timecode.position(text, flag)
    found = model_folder.newest_state(options.model_dir).get("model")
    model_folder.check_name(found, options.model_dir, options.model)
    if isinstance(found, str) and found in MODELS:
        check_morph([look_of(options)], f"the model {found}", can=MODELS.load(found).morphs)
    encoder = EncoderSettings(options.codec)
    check_output(
        options.output_dir,
        options.mask_output,
        encoder,
        overwrite=options.overwrite
        or options.remote
        or shares.has_begun(options, options.output_dir),
        inputs=inputs_of(options),
    )
    if options.mask_dir is not None and not options.mask_dir.is_dir():
        raise InputError(f'there is no folder "{options.mask_dir}"; check --mask-dir')
    if options.use_session and options.session is not None:
        check_session(options.session)
    if options.interactive or options.remote:
        check_window(options)
    asks_what_to_write = options.mode == "raw" and options.ask and console.interactive()
    if not asks_what_to_write:
        check_alpha([look_of(options)], options.output_dir, options.image_format, encoder)


def inputs_of(options: ConvertOptions) -> Mapping[str, Path]:
    """Return what a run reads, by the flag that names it."""
    paths = {
        "--input-dir": options.input_dir,
        "--aligned-dir": options.aligned_dir,
        "--model-dir": options.model_dir,
        "--mask-model-dir": options.mask_model_dir,
    }
    return {flag: path for flag, path in paths.items() if path is not None}


def check_session(path: Path) -> None:
    """Refuse a session file that does not exist."""
    if not path.is_file():
        raise InputError(f'there is no session "{path}"; check the path, or use --no-use-session')


def check_window(options: ConvertOptions) -> None:
    """Refuse --interactive where there is no display, and --remote where no program follows."""
    if not options.remote:
        check_screen()
    elif not (options.interactive and events.wanted()):
        raise UsageError("--remote is for other programs: add --interactive --progress json")


def check_screen() -> None:
    """Refuse --interactive without a display."""
    if not display.available():
        raise UserError(
            "no window can be opened here: --interactive needs a desktop. Choose the look with "
            "flags (see convert --help), or on another computer and copy its session file here"
        )


def check_output(
    path: Path,
    mask_path: Path | None,
    encoder: EncoderSettings,
    *,
    overwrite: bool,
    inputs: Mapping[str, Path],
) -> None:
    """Refuse an output that would destroy an input or a finished video, or cannot be written.

    Parameters
    ----------
    path, mask_path : Path
        The result, and the masks if they are wanted.
    encoder : EncoderSettings
        How a video is encoded.
    overwrite : bool
        Whether earlier results may be replaced.
    inputs : mapping of str to Path
        What the run reads, by the flag that names it.

    Raises
    ------
    UsageError, InputError
    """
    paths = [each for each in (path, mask_path) if each]
    for each in paths:
        for flag, source in inputs.items():
            if each.resolve() == source.resolve():
                raise UsageError(f"{each} is also the {flag}; name another --output-dir")
        if not is_video(each) and each.exists() and not each.is_dir():
            raise InputError(
                f'"{each}" is a file, but no video (such as result.mp4); name another place'
            )
    if mask_path is not None and (is_video(mask_path) != is_video(path) or mask_path == path):
        raise UsageError(
            "--mask-output: Expected a folder if the result is one, else a video, and not the "
            f"same one. Received: {mask_path}"
        )
    if is_video(path):
        for each in paths:
            container_of(each.suffix, encoder, each.name)
            require_new(each, overwrite or was_named(path, each))


def check_mask_model(looks: Iterable[Look]) -> None:
    """Refuse looks that need a trained mask model, where there is none.

    Raises
    ------
    UsageError
    """
    wanting = next(filter(wants_trained_mask, looks), None)
    if wanting is not None:
        raise UsageError(
            f"--mask-type {wanting.mask_type} needs a trained mask model: train one (docs/masks.md)"
            " and name its folder by --mask-model-dir"
        )


def check_morph(looks: Iterable[Look], model: str, *, can: bool) -> None:
    """Refuse looks with a morph factor for a model that has none; `can` says whether it has.

    Raises
    ------
    UsageError
    """
    morphing = next(filter(morphs, looks), None)
    if morphing is not None and not can:
        raise UsageError(
            f"{model} has no morph factor (AMP has): leave --morph-factor at 1. "
            f"Received: {morphing.morph_factor}"
        )


def check_alpha(
    looks: Iterable[Look], path: Path, image_format: str, encoder: EncoderSettings
) -> None:
    """Refuse looks with an alpha channel if the result at `path` cannot have one.

    Raises
    ------
    UsageError
    """
    if not any(map(has_alpha, looks)):
        return
    if image_format == "jpg":
        raise UsageError("a JPEG has no alpha channel: for --alpha or --raw-mode rgb+mask use png")
    if is_video(path) and not encoder.kind.has_alpha:
        fitting = ", ".join(name for name, kind in CODECS.items() if kind.has_alpha)
        raise UsageError(
            f"{encoder.codec} has no alpha channel: for --alpha or --raw-mode rgb+mask, "
            f"--output-dir must be a folder, or --codec one of: {fitting}"
        )


def is_video(path: Path) -> bool:
    """Whether an output path means a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES
