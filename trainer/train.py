"""Train: take a batch of each person's faces, do a step, tell, save, and again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facelib.faceset import Faceset
from trainer import memory, save
from trainer.data.loader import BatchLoader
from trainer.data.split import Sides, sides_of
from trainer.monitoring import monitor
from trainer.monitoring.debug_samples import show_samples
from trainer.monitoring.monitor import Monitor
from trainer.monitoring.preview import PreviewFaces
from trainer.monitoring.validation import Validation
from trainer.options import TrainOptions
from trainer.progress import Every, Progress
from trainer.recovery import StepGuard
from trainer.session import TrainingSession
from trainer.signals import stop_requests
from trainer.summary import describe
from utils import console, device, lazy
from utils.console import Report
from utils.errors import InputError, Interrupted, ModelError
from utils.lock import locked


def run(options: TrainOptions) -> Report:
    """Train a model until a target is reached or somebody stops it.

    Raises
    ------
    InputError, ModelError
        If a folder is missing or holds no face, or the model folder is damaged, in use, or another
        model's.
    Interrupted
        After Ctrl-C or SIGTERM, when everything is saved.
    """
    folders = (options.training_data_src_dir, options.training_data_dst_dir)
    facesets = [Faceset.open(folder) for folder in folders]
    with _only_trainer(options.model_dir):
        has_gpu = device.tune()
        session = TrainingSession(options)
        sides = sides_of(session, *facesets)
        if options.debug:
            return show_samples(options, sides.src, sides.dst)
        if not has_gpu:
            lazy.load("models.fast_convolution").accelerate(session.model.networks.values())
        size = memory.choose_batch(
            session.model, options.batch_size, has_gpu, session.processors.count
        )
        session.set_batch_size(size)
        console.say(describe(session, sides.src, sides.dst, has_gpu))
        if session.finished():
            console.say("the target is reached already; set a higher one to train on")
        _train(session, sides)
    return Report(
        counts={"iterations": session.steps_done},
        notes={
            "files that are no faces": facesets[0].skipped + facesets[1].skipped,
            "faces that could not be read": sides.src.failures + sides.dst.failures,
        },
    )


def _train(session: TrainingSession, sides: Sides) -> None:
    """Train until a target is reached or somebody asks to stop, and save."""
    options = session.options
    save.save(session)  # that this works is better known before hours are spent
    progress, save_due = Progress(session), Every(options.save_minutes)
    feed = BatchLoader(sides.src, sides.dst, session.batch_size, first=session.iteration)
    watch = Monitor(session, progress, PreviewFaces(sides.src, sides.dst), _exam(session, sides))
    guard = StepGuard(session, feed, progress)
    wishes: set[str] = set()
    session.start_clock()
    with stop_requests() as stop, watch:
        with feed, save.saved_first(session, progress):
            while not (session.finished() or stop.made or monitor.QUIT in wishes):
                if not guard.step():
                    continue
                progress.show(feed.waited)
                wishes = watch.look()
                if save_due.due() or monitor.SAVE in wishes:
                    save.try_to_save(session, progress)
                if monitor.BACKUP in wishes:
                    save.try_to_back_up(session, progress)
        progress.end()
        save.save(session)
        watch.finish()
    if stop.made:
        raise Interrupted(f"Stopped; the model is saved at iteration {session.iteration}.")


def _exam(session: TrainingSession, sides: Sides) -> Validation | None:
    """Make the exam of the faces that are kept out of training, if there are any."""
    if not session.options.measure_minutes:
        return None
    if sides.dst_kept_out is None:
        console.say("too few dst faces to keep some out of training; progress is not measured")
        return None
    return Validation(sides.src_kept_out, sides.dst_kept_out, sides.src, sides.dst)


@contextmanager
def _only_trainer(model_dir: Path) -> Iterator[None]:
    """Make the model folder and keep other trainers out of it."""
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f'cannot make the folder "{model_dir}": {problem.strerror}') from None
    taken = ModelError(
        f'another training is at work in "{model_dir}"; stop it, or use another --model-dir'
    )
    with locked(model_dir / ".train.lock", taken):
        yield
