"""Train a model: draw a batch of each side, do a step, show progress, save, repeat."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facelib.faceset import Faceset
from models import MODELS
from models.engine import engine
from trainer import PRETRAIN, TASKS, assembly, memory, request_files, save
from trainer.checks import LOCK, in_use
from trainer.cluster import follower
from trainer.cluster.group import Group
from trainer.cluster.hello import compare_faces
from trainer.cluster.leader import Leader
from trainer.cluster.members import joined
from trainer.data.loader import BatchLoader, worker_count
from trainer.data.sampler import WHOLE
from trainer.data.split import Samplers
from trainer.live_options import OPTIONS, LiveOptions
from trainer.loss_history import WORDS
from trainer.monitoring.debug_samples import show_samples
from trainer.monitoring.monitor import BACKUP, QUIT, SAVE, Monitor, MonitorSettings
from trainer.monitoring.stop_rule import StopRule
from trainer.monitoring.watched import Measurement
from trainer.options import TrainOptions
from trainer.progress import ProgressLine
from trainer.recovery import StepRunner
from trainer.session import TrainingSession
from trainer.signals import stop_requests
from trainer.summary import describe, memory_taken, phase_in_words
from trainer.tasks import Task
from utils import console, signals
from utils.console import Report
from utils.errors import InputError, Interrupted
from utils.files import remove_leftovers
from utils.lock import locked

ONCE = ("--load-weights", "--swap-sides", "--phase")
"""Flags that have had their effect when a training begins."""


def run(options: TrainOptions) -> Report:
    """Train a model until a target is reached or the user stops it.

    Raises
    ------
    InputError, ModelError
        If a folder is missing or holds no face, or the model folder is damaged, in use, or another
        model's.
    Interrupted
        After Ctrl-C, SIGTERM or SIGHUP, when everything is saved.
    """
    monitoring = assembly.monitor_settings(options)
    base = options.pretrain is not None
    kind: type[Task] = TASKS.load(PRETRAIN if base else MODELS.load(options.model).task)
    with joined(options) as (options, group):
        task = kind(options)
        src = Faceset.open(options.training_data_src_dir)
        dst = src if base else Faceset.open(options.training_data_dst_dir)
        if group is not None and group.rank:
            return follower.follow(task, (src, dst), group)
        if group is not None:
            compare_faces(group, (src, dst))
        return _run(task, (src, dst), monitoring, group)


def _run(
    task: Task, sides: tuple[Faceset, Faceset], monitoring: MonitorSettings, group: Group | None
) -> Report:
    """Train, alone or as the leader of a group."""
    options, (src, dst) = task.options, sides
    with _exclusive(options.model_dir):
        task.check(src, dst)
        has_gpu = engine().tune()
        session = assembly.open_session(options, group)
        samplers = task.samplers(session, src, dst)
        batch_size = memory.choose_batch(
            session.model,
            options.batch_size,
            has_gpu,
            session.step.device_count,
            copies=session.step.extra_copies,
            grown=options.grow_batch,
        )
        session.set_batch_size(batch_size)
        if group is not None:
            follower.begin(group, session)
            session.step.members = group.of_step()
        if options.debug:
            console.say(f"memory  {memory_taken(session, has_gpu, parts=True)}")
            return show_samples(samplers, options.model_dir, in_window=options.preview)
        engine().accelerate(session.networks)
        if options.phase:
            console.say(phase_in_words(options))
        task.begin(session, samplers)
        console.say(describe(session, samplers.src, samplers.dst, has_gpu))
        if session.finished():
            console.say("the target is already reached; set a higher one to train further")
        with _saved_is_said(session):
            then = _train(session, samplers, monitoring, task, group)
    return Report(
        counts={"iterations": session.steps_done},
        notes={
            "files that are not faces": _once(src.skipped, dst.skipped),
            "faces that could not be read": _once(samplers.src.failures, samplers.dst.failures),
        },
        then=then,
    )


def _once(src: list[str], dst: list[str]) -> list[str]:
    """Return what is said of both sides, once where they are the same faces."""
    return list(dict.fromkeys([*src, *dst]))


def _train(
    session: TrainingSession,
    samplers: Samplers,
    settings: MonitorSettings,
    task: Task,
    group: Group | None,
) -> tuple[str, ...]:
    """Train until a target is reached or the user asks to stop, and save; return what is next."""
    options = task.options
    if session.saved_iteration < 0:
        console.announce("saving the new model")
        save.save(session)  # if this fails, better now than after hours
    line = ProgressLine(session)
    loader = BatchLoader(
        samplers.src,
        samplers.dst,
        session.samples,
        first=session.iteration,
        workers=worker_count(has_gpu=bool(engine().gpus())),
        share=WHOLE if group is None else (group.rank, group.count),
    )
    if group is not None:
        session.leader = Leader(group, loader)
    monitor = Monitor(
        session, line, task.preview(samplers), _measurement(task, samplers, settings), settings
    )
    runner = StepRunner(session, loader, line)
    requests: set[str] = set()
    session.start_clock()
    with stop_requests() as stop, signals.finishing(line.rest), monitor:
        console.say(f"training; Ctrl-C stops and saves; losses are {WORDS}")
        console.announce("the first step takes longer")
        saver = save.Saver(session, line, runner, stop, options.save_minutes)
        live = LiveOptions(options, session, monitor, saver, line)
        with loader, saver.on_error():
            while not (stop.received or QUIT in requests):
                if monitor.stop_reason:
                    session.end_soon()
                if session.finished() and runner.settle():
                    break
                if runner.step():
                    line.show(loader.waited)
                    requests = monitor.after_step()
                    live.after_step()
                    saver.after_step(requests)
            runner.settle()
        line.end()
        if not stop.received:
            console.announce("saving the model")
        saver.last()
        monitor.finish(measure=session.finished() and not stop.received)
        then = task.finish(session, samplers, hurried=bool(stop.received))
    if summary := monitor.summary(task.verdict):
        console.say(summary)
    if stop.received:
        raise Interrupted(f"the model is saved at iteration {session.iteration}", ONCE)
    return then


@contextmanager
def _saved_is_said(session: TrainingSession) -> Iterator[None]:
    """Say at a second request to stop what is saved, and that flags have had their effect."""
    before = session.saved_iteration
    try:
        yield
    except KeyboardInterrupt:
        saved = session.saved_iteration
        if saved == before:
            raise
        raise Interrupted(f"the model was last saved at iteration {saved}", ONCE) from None


def _measurement(task: Task, samplers: Samplers, settings: MonitorSettings) -> Measurement | None:
    """Prepare what measures the model, if that is wanted and possible."""
    found = task.measurement(samplers) if settings.validation_minutes else None
    if found is None and settings.stop_rule != StopRule():
        console.warn("--stop-when has no effect, because there is no validation")
    return found


@contextmanager
def _exclusive(model_dir: Path) -> Iterator[None]:
    """Create the model folder and keep other trainers out of it."""
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f'cannot create the folder "{model_dir}": {problem.strerror}') from None
    with locked(model_dir / LOCK, in_use(model_dir)):
        remove_leftovers(model_dir)
        request_files.forget(model_dir, SAVE, BACKUP, OPTIONS)
        yield
