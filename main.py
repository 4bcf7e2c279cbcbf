"""The command line: chooses a stage, reads its options, selects the device, explains errors.

Nothing heavy is imported before the options are known, so every `--help` answers at once.
"""

from utils import early

if __name__ == "__main__":
    early.exit_on_interrupt()  # the imports below take a moment

import sys
import time
from importlib import import_module
from typing import Any

from utils import (
    command_line,
    console,
    ending,
    events,
    options,
    program,
    questions,
    signals,
    stage_options,
    workspace,
)
from utils.console import Report
from utils.ending import Call
from utils.errors import (
    ExitStatus,
    Interrupted,
    NothingToDo,
    UsageError,
    did_you_mean,
    sentence,
)
from utils.registry import Registry
from utils.stages import ALIASES, KINDS, STAGES, TOPICS, Stage


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    # DeepFaceLab had this flag; TensorFlow's log messages are always off here.
    argv = [word for word in argv if word != "--tf-suppress-std"]
    signals.raise_on_request()
    console.open_missing()
    signals.obey_stdin()
    try:
        with events.asked_for(argv):
            status, report = _guarded(argv)
            console.end(status, report)
        return status
    finally:
        console.drop_unwritten()


def _guarded(argv: list[str]) -> tuple[int, Report | None]:
    """Do what a command line says; return the exit status, whatever happens, and the report."""
    try:
        with signals.acknowledged():
            report = _dispatch(argv)
            return report.status, report
    except (Interrupted, KeyboardInterrupt) as request:
        return _say_stopped(str(request)), None
    except NothingToDo as reason:
        console.say("\n".join(filter(None, [str(reason), ending.after([reason.made])])))
        return reason.status, None
    except UsageError as problem:
        console.error(str(problem))
        return problem.status, None
    except Exception as problem:  # noqa: BLE001 - the one place where any error becomes a sentence
        if signals.became(problem):
            return _say_stopped(), None
        if "--debug" in argv:
            console.print_traceback()
        console.error(sentence(problem))
        return ExitStatus.FAILED, None


def _say_stopped(what: str = "") -> int:
    console.say(what or "Stopped; what was finished is kept.")
    return ExitStatus.INTERRUPTED


def _dispatch(argv: list[str]) -> Report:
    if "--version" in argv:
        console.say(f"{program.NAME} {program.version()}")
        return Report()
    argv = _help_last(argv)
    if argv[0] == "help":
        console.say(_explain(*argv[1:2]))
        return Report()
    name = find_stage(argv)
    if name is None:
        console.say(_overview(argv[0]))
        return Report()
    console.begin(name)
    stage = STAGES[name]
    chosen = _read_options(name, stage, argv[len(name.split()) :])
    if isinstance(chosen, stage_options.DeviceOptions):
        import_module("utils.device").select(chosen)
    native_output = import_module("utils.native_output")
    (native_output.hear if "--debug" in argv else native_output.silence)()
    if stage.begins:
        console.announce(stage.begins)
    import_module("utils.allocator").keep_buffers()
    return _run(Call(argv, stage, chosen))


def _run(call: Call) -> Report:
    """Run a stage, and say at its end what it made, how long it took, and what comes next.

    Raises
    ------
    Interrupted
        If it is stopped; the message says what is kept, and how to go on.
    """
    begun = time.monotonic()
    try:
        run = _load(call.stage.run)
        signals.obey()
        report: Report = run(call.options)
    except BaseException as problem:
        if isinstance(problem, (Interrupted, KeyboardInterrupt)) or signals.became(problem):
            raise Interrupted(call.stopped(problem, time.monotonic() - begun)) from None
        raise
    report.seconds = time.monotonic() - begun
    for last in (call.done, call.next):
        if lines := last(report):
            console.say(lines)
    return report


def _help_last(argv: list[str]) -> list[str]:
    """Return a command line in which a request for help, wherever it is, comes after the stage.

    "help extract", "-h extract" and "extract src -h" become "extract -h"; with a topic, or alone,
    it is "help".
    """
    words = [word for word in argv if word not in command_line.HELP]
    wants_help = len(words) < len(argv) or argv[:1] == ["help"]
    if words[:1] == ["help"]:
        words = words[1:]
    first = ALIASES.get(words[0], words[0]) if words else ""
    if not words or (wants_help and first not in {name.split()[0] for name in STAGES}):
        return ["help", *words]
    return [*words, "--help"] if wants_help else argv


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
    hint = did_you_mean(name, dict.fromkeys(known, ""))
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
        hint = did_you_mean(topic, dict.fromkeys([*TOPICS, *STAGES], ""))
        known = f"{', '.join(TOPICS)}, or a stage"
        raise UsageError(f"unknown topic {topic}{hint}\nExpected one of: {known}")
    registry: Registry = _load(TOPICS[topic])
    width = max(map(len, registry)) + 2
    return "\n".join(f"  {name:{width}}{entry.help}" for name, entry in registry.items())


def _load(target: str) -> Any:  # noqa: ANN401 - a class or a function
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _read_options(name: str, stage: Stage, argv: list[str]) -> stage_options.StageOptions:
    """Merge defaults, an earlier run's settings, flags and answers into the stage's options."""
    cls, given = _parse(name, stage, argv)
    given = workspace.fill(cls, given)
    saved = cls.saved(given)
    chosen = options.resolve(cls, given, saved)
    _check(stage, chosen)
    if not (chosen.ask and console.interactive() and questions.remain(cls, given)):
        return chosen
    if saved is not None and questions.keep("continuing with the saved settings"):
        return chosen
    console.say(questions.HEADER)
    if saved is None and (flags := questions.first(cls, given)):
        cls, answered = _parse(name, stage, [*argv, *flags])
        given |= answered
        chosen = options.resolve(cls, given)
    return questions.ask(chosen, given, existing=saved is not None)


def _parse(
    name: str, stage: Stage, argv: list[str]
) -> tuple[type[stage_options.StageOptions], dict[str, Any]]:
    """Return the stage's options class and what the flags say."""
    cls = _load(stage.options)
    if not isinstance(cls, type):
        cls = cls(argv)
    command = f"{program.prog()} {name}"
    return cls, command_line.parse(command, stage.help, cls, argv, stage.examples)


def _check(stage: Stage, chosen: stage_options.StageOptions) -> None:
    """Refuse what can be known to fail, before anything is asked and heavy libraries are loaded."""
    if isinstance(chosen, stage_options.DeviceOptions):
        import_module("utils.machine").check()
    if isinstance(chosen, stage_options.EngineOptions):
        import_module("utils.engines").choose(chosen)
    for option in options.options_of(type(chosen)):
        kind, value = option.meta["kind"], getattr(chosen, option.name)
        if kind and value is not None:
            _load(KINDS[kind])(value, option.flag)
    if stage.check:
        _load(stage.check)(chosen)


if __name__ == "__main__":
    ended = main()
    signals.end_at_once()
    sys.exit(ended)
