"""The command line: chooses a stage, reads its options, selects the device, explains errors.

Nothing heavy is imported before the options are known, so every `--help` answers at once.
"""

from utils import early

if __name__ == "__main__":
    early.exit_on_interrupt()  # the imports below take a moment

import argparse
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

from utils import command_line, console, options, program, questions, signals
from utils.errors import ExitStatus, Interrupted, UsageError, sentence
from utils.registry import Registry


class Stage(NamedTuple):
    """One subcommand: its options class (or a function of argv that returns one), its entry point.

    Related small tools have names of two words, such as "video cut".
    """

    options: str
    run: str
    help: str


STAGES = {
    "extract": Stage(
        "extractor.options:ExtractOptions",
        "extractor.supervisor:run",
        "find faces in footage and align them",
    ),
    "sort": Stage(
        "sorter.options:SortOptions",
        "sorter.sort:run",
        "order faces so that bad ones group together",
    ),
    "train": Stage(
        "trainer.options:for_arguments",
        "trainer.train:run",
        "train a model on the faces of two people",
    ),
    "convert": Stage(
        "converters.options:ConvertOptions",
        "converters.convert:run",
        "swap src's face into dst's footage",
    ),
    "verify": Stage(
        "tools.options:VerifyOptions",
        "tools.verify:run",
        "check whether files are marked as synthetic, signed and unchanged",
    ),
    "evaluate": Stage(
        "tools.evaluate.options:EvaluateOptions",
        "tools.evaluate.evaluate:run",
        "measure the quality of a swap",
    ),
    "weights": Stage(
        "tools.options:WeightsOptions",
        "tools.weights:run",
        "download the weights of the face detection and recognition networks",
    ),
    "util export": Stage(
        "tools.util.options:ExportOptions",
        "tools.util.export:run",
        "export a model's swap network as .dfm, .keras or .onnx",
    ),
    "video extract": Stage(
        "tools.video.options:ExtractFramesOptions",
        "tools.video.extract:run",
        "extract the frames of a video as images",
    ),
    "video make": Stage(
        "tools.video.options:MakeOptions",
        "tools.video.make:run",
        "make a video from images, with exact timestamps and audio",
    ),
    "video cut": Stage(
        "tools.video.options:CutOptions",
        "tools.video.cut:run",
        "cut a part out of a video, without re-encoding where possible",
    ),
    "video denoise": Stage(
        "tools.video.options:DenoiseOptions",
        "tools.video.denoise:run",
        "denoise a video or a folder of frames",
    ),
    "util import-dfl": Stage(
        "tools.util.options:ImportOptions",
        "tools.util.import_dfl:run",
        "import faces extracted by DeepFaceLab",
    ),
    "util debug-pictures": Stage(
        "tools.util.options:DebugPicturesOptions",
        "tools.util.debug_pictures:run",
        "draw the landmarks of all faces for inspection",
    ),
    "util recover-names": Stage(
        "sorter.options:RecoverNamesOptions",
        "sorter.sort:recover_names",
        "restore the names that extract gave to faces",
    ),
    "util pack": Stage(
        "tools.util.options:PackOptions",
        "tools.util.pack:pack",
        "pack a folder of faces into one file",
    ),
    "util unpack": Stage(
        "tools.util.options:UnpackOptions",
        "tools.util.pack:unpack",
        "unpack a file written by util pack",
    ),
    "util save-metadata": Stage(
        "tools.util.options:SaveMetadataOptions",
        "tools.util.metadata:save",
        "save face metadata before another program edits the images",
    ),
    "util restore-metadata": Stage(
        "tools.util.options:RestoreMetadataOptions",
        "tools.util.metadata:restore",
        "restore saved face metadata into edited images",
    ),
}
ALIASES = {"merge": "convert"}
TOPICS = {
    "models": "models:MODELS",
    "modes": "converters:BLENDS",
    "masks": "converters:MASKS",
    "colors": "facelib.color_transfer:COLORS",
    "sorting": "sorter:METHODS",
    "detectors": "facelib.detectors:DETECTORS",
    "landmarkers": "facelib.landmarkers:LANDMARKERS",
    "recognizers": "facelib.recognizers:RECOGNIZERS",
}
"""What `help TOPIC` explains: the entries of a registry."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence with a way out."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print and exit with."""
        sentence = message.replace("argument ", "")
        raise UsageError(f"{sentence}\nrun '{self.prog} --help' for the options")


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    # DeepFaceLab had this flag; TensorFlow's log messages are always off here.
    argv = [word for word in argv if word != "--tf-suppress-std"]
    signals.raise_on_request()
    console.open_missing()
    try:
        return _dispatch(argv)
    except (Interrupted, KeyboardInterrupt) as request:
        return _say_stopped(str(request))
    except UsageError as problem:
        console.error(str(problem))
        return problem.status
    except Exception as problem:  # noqa: BLE001 - the one place where any error becomes a sentence
        if signals.became(problem):
            return _say_stopped()
        if "--debug" in argv:
            console.print_traceback()
        console.error(sentence(problem))
        return ExitStatus.FAILED
    finally:
        console.drop_unwritten()


def _say_stopped(what: str = "") -> int:
    console.say(what or "Stopped; what was finished is kept.")
    return ExitStatus.INTERRUPTED


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        console.say(_overview())
        return ExitStatus.DONE
    if argv[0] == "--version":
        console.say(f"{program.NAME} {program.version()}")
        return ExitStatus.DONE
    if argv[0] == "help":
        console.say(_explain(*argv[1:2]))
        return ExitStatus.DONE
    name = find_stage(argv)
    if name is None:
        console.say(_overview(argv[0]))
        return ExitStatus.DONE
    stage = STAGES[name]
    chosen = _read_options(name, stage, argv[len(name.split()) :])
    if isinstance(chosen, options.DeviceOptions):
        import_module("utils.machine").check()
        import_module("utils.device").select(chosen)
    import_module("utils.allocator").keep_buffers()
    report: console.Report = _load(stage.run)(chosen)
    text = str(report)
    if text:
        console.say(text)
    done = report.status is ExitStatus.DONE
    console.say("Done." if done else "Done, but not everything worked.")
    return report.status


def find_stage(argv: list[str]) -> str | None:
    """Return the name of the stage that a command line begins with.

    None when only the first word of tools of two words is there, or help on them is asked for.

    Raises
    ------
    UsageError
        If there is no such stage.
    """
    first = ALIASES.get(argv[0], argv[0])
    two = " ".join([first, *argv[1:2]])
    for name in (first, two):
        if name in STAGES:
            return name
    family = [name for name in STAGES if name.startswith(first + " ")]
    if family and argv[1:2] in ([], ["-h"], ["--help"]):
        return None
    name, known = (two, family) if family else (first, list(STAGES))
    close = get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise UsageError(f"unknown stage {name}{hint}\nExpected one of: {', '.join(known)}")


def _overview(family: str = "") -> str:
    """List the stages, or only those whose names begin with the word `family`."""
    about = ["Put one person's face into another person's footage, in four steps.", ""]
    prog = program.prog()
    shown = {n: s.help for n, s in STAGES.items() if not family or n.startswith(family + " ")}
    width = max(map(len, shown)) + 2
    return "\n".join([
        *(about if not family else []),
        f"usage: {prog} STAGE [options]     ({prog} STAGE --help lists a stage's options)",
        "",
        *(f"  {name:{width}}{text}" for name, text in shown.items()),
        *([] if family else ["", f"{prog} help TOPIC explains: {', '.join(TOPICS)}"]),
    ])


def _explain(topic: str = "") -> str:
    """List the entries of a registry, each with its line of help.

    Raises
    ------
    UsageError
        If there is no such topic.
    """
    if not topic:
        return _overview()
    if topic not in TOPICS:
        raise UsageError(f"unknown topic {topic}\nExpected one of: {', '.join(TOPICS)}")
    registry: Registry = _load(TOPICS[topic])
    width = max(map(len, registry)) + 2
    return "\n".join(f"  {name:{width}}{entry.help}" for name, entry in registry.items())


def _load(target: str) -> Any:  # noqa: ANN401 - a class or a function
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _read_options(name: str, stage: Stage, argv: list[str]) -> options.StageOptions:
    """Merge defaults, an earlier run's settings, flags and answers into the stage's options."""
    cls, given = _parse(name, stage, argv)
    saved = cls.saved(given)
    chosen = options.resolve(cls, given, saved)
    if not (chosen.ask and console.interactive()) or cls.void(given):
        return chosen
    if saved is not None and questions.keep("continuing with the saved settings"):
        return chosen
    console.say(questions.HEADER)
    if saved is None and (flags := questions.first(cls, given)):
        cls, given = _parse(name, stage, [*argv, *flags])
        chosen = options.resolve(cls, given)
    return questions.ask(chosen, given, existing=saved is not None)


def _parse(
    name: str, stage: Stage, argv: list[str]
) -> tuple[type[options.StageOptions], dict[str, Any]]:
    """Return the stage's options class and what the flags say."""
    cls = _load(stage.options)
    if not isinstance(cls, type):
        cls = cls(argv)
    prog = f"{program.prog()} {name}"
    parser = Parser(prog=prog, description=stage.help, allow_abbrev=False)
    command_line.add_options(parser, cls)
    # Seen before argparse's own check, so that a misspelled required flag is called misspelled.
    flags = [flag for action in parser._actions for flag in action.option_strings]
    for word in argv:
        flag = word.split("=")[0]
        if flag.startswith("--") and flag not in flags:
            close = get_close_matches(flag, flags, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise UsageError(f"unknown option {flag}{hint}\nrun '{prog} --help' for the options")
    return cls, vars(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
