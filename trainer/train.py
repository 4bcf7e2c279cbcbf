"""Train a model: draw a batch of each side, do a step, show progress, save, repeat."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facelib import expression
from facelib.faceset import Faceset
from trainer import assembly, memory, save
from trainer.checks import LOCK, in_use
from trainer.data.loader import BatchLoader
from trainer.data.split import Samplers
from trainer.monitoring.debug_samples import show_samples
from trainer.monitoring.monitor import QUIT, Monitor, MonitorSettings
from trainer.monitoring.preview import PreviewFaces
from trainer.monitoring.validation import Validation
from trainer.monitoring.verdict import StopRule
from trainer.options import TrainOptions
from trainer.progress import ProgressLine
from trainer.recovery import StepRunner
from trainer.session import TrainingSession
from trainer.signals import stop_requests
from trainer.summary import describe
from utils import console, device, lazy
from utils.console import Report
from utils.errors import InputError, Interrupted
from utils.files import remove_leftovers
from utils.lock import locked


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
    src = Faceset.open(options.training_data_src_dir)
    dst = Faceset.open(options.training_data_dst_dir)
    _warn_of_same_faces(src, dst)
    with _exclusive(options.model_dir):
        has_gpu = device.tune()
        session = assembly.open_session(options)
        samplers = assembly.open_samplers(options, session, src, dst)
        if options.debug:
            return show_samples(samplers, options.model_dir, in_window=options.preview)
        if not has_gpu:
            lazy.load("models.fast_convolution").accelerate(session.networks)
        step = session.step
        batch_size = memory.choose_batch(
            session.model,
            options.batch_size,
            has_gpu,
            step.device_count,
            copies=step.extra_copies,
            grown=options.grow_batch,
        )
        session.set_batch_size(batch_size)
        if session.model.options.expression_head:
            _warn_of_gaps(samplers)
        console.say(describe(session, samplers.src, samplers.dst, has_gpu))
        if session.finished():
            console.say("the target is already reached; set a higher one to train further")
        _train(session, samplers, monitoring, options.save_minutes)
    return Report(
        counts={"iterations": session.steps_done},
        notes={
            "files that are not faces": src.skipped + dst.skipped,
            "faces that could not be read": samplers.src.failures + samplers.dst.failures,
        },
    )


def _warn_of_same_faces(src: Faceset, dst: Faceset) -> None:
    """Say it when faces are both src and dst: then there is nothing to swap."""
    origins = [
        {(info.source, info.source_name, info.source_landmarks.tobytes()) for _, info in faces}
        for faces in (src, dst)
    ]
    same = origins[0] & origins[1]
    if not same:
        return
    what = f"{len(same)} faces are both src and dst"
    if src.folder.samefile(dst.folder):
        what = f'src and dst are the same folder, "{src.folder}"'
    console.warn(
        f"{what}: a face that is swapped for itself does not change; check "
        "--training-data-src-dir and --training-data-dst-dir"
    )


def _warn_of_gaps(samplers: Samplers) -> None:
    """Say what the expression head cannot learn from these faces."""
    for name, sampler in (("src", samplers.src), ("dst", samplers.dst)):
        for gap in expression.gaps([info for _, info in sampler.faces]):
            console.warn(f"{name}: {gap}")


def _train(
    session: TrainingSession, samplers: Samplers, settings: MonitorSettings, save_minutes: float
) -> None:
    """Train until a target is reached or the user asks to stop, and save."""
    save.save(session)  # if this fails, better now than after hours
    line = ProgressLine(session)
    loader = BatchLoader(samplers.src, samplers.dst, session.samples, first=session.iteration)
    faces, validation = PreviewFaces(samplers.src, samplers.dst), _validation(samplers, settings)
    monitor = Monitor(session, line, faces, validation, settings)
    runner = StepRunner(session, loader, line)
    requests: set[str] = set()
    session.start_clock()
    with stop_requests() as stop, monitor:
        saver = save.Saver(session, line, runner, stop, save_minutes)
        with loader, saver.on_error():
            while not (stop.received or QUIT in requests):
                if monitor.stop_reason:
                    session.end_soon()
                if session.finished() and runner.settle():
                    break
                if runner.step():
                    line.show(loader.waited)
                    requests = monitor.after_step()
                    saver.after_step(requests)
            runner.settle()
        line.end()
        saver.last()
        monitor.finish()
    if summary := monitor.summary():
        console.say(summary)
    if stop.received:
        raise Interrupted(f"Stopped; the model is saved at iteration {session.iteration}.")


def _validation(samplers: Samplers, settings: MonitorSettings) -> Validation | None:
    """Prepare the validation on held-out faces, if it is wanted and there are any."""
    if not settings.validation_minutes or samplers.dst_held_out is None:
        if settings.validation_minutes:
            console.say("too few dst faces to hold some out; there is no validation")
        if settings.stop_rule != StopRule():
            console.warn("--stop-when has no effect, because there is no validation")
        return None
    return Validation(
        samplers.src_held_out, samplers.dst_held_out, train_src=samplers.src, train_dst=samplers.dst
    )


@contextmanager
def _exclusive(model_dir: Path) -> Iterator[None]:
    """Create the model folder and keep other trainers out of it."""
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f'cannot create the folder "{model_dir}": {problem.strerror}') from None
    with locked(model_dir / LOCK, in_use(model_dir)):
        remove_leftovers(model_dir)
        yield
