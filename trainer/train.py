"""Train: take a batch of each person's faces, do a step, tell, save, and again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from facelib.faceset import Faceset
from trainer.feed import Feed
from trainer.interrupt import stop_requests
from trainer.options import TrainOptions
from trainer.preview import Preview, write_samples
from trainer.progress import Every, Progress
from trainer.sampler import Sampler
from trainer.sampling import samplers
from trainer.session import Session
from trainer.summary import describe
from utils import console, device, lazy
from utils.console import Report
from utils.errors import InputError, Interrupted, ModelError, UserError
from utils.images import write_image

DEBUG_SAMPLES = 12


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
        session = Session(options)
        src, dst = samplers(session, *facesets)
        if options.debug:
            return _show_samples(options, src, dst)
        if not has_gpu:
            lazy.load("models.acceleration").accelerate(session.model.networks.values())
        console.say(describe(session, src, dst))
        if session.finished():
            console.say("the target is reached already; set a higher one to train on")
        _train(session, src, dst)
    return Report(
        counts={"iterations": session.steps_done},
        remarks={
            "files that are no faces": facesets[0].skipped + facesets[1].skipped,
            "faces that could not be read": src.failures + dst.failures,
        },
    )


def _train(session: Session, src: Sampler, dst: Sampler) -> None:
    """Train until a target is reached or somebody asks to stop, and save."""
    options = session.options
    save_due, preview_due = Every(options.save_minutes), Every(options.preview_minutes)
    preview, progress = Preview(session.model, src, dst), Progress(session)
    _save(session)  # that this works is better known before hours are spent
    session.start_clock()
    feed = Feed(src, dst, options.batch_size, first=session.iteration)
    with stop_requests() as stop:
        with feed, _saving_first(session, progress):
            while not (session.finished() or stop.made):
                if not session.train(*feed.next()).finite:
                    progress.say(f"the loss of iteration {session.iteration + 1} is not a number")
                    session.roll_back()
                    progress.say(f"went back to iteration {session.iteration}")
                    continue
                progress.show(feed.waited)
                if preview_due.due() or session.steps_done == 1:
                    _write_preview(session, preview)
                    progress.restart()
                if save_due.due():
                    _try_to_save(session, progress)
                    progress.restart()
        progress.end()
        _save(session)
        _write_preview(session, preview)
    if stop.made:
        raise Interrupted(f"Stopped; the model is saved at iteration {session.iteration}.")


def _save(session: Session) -> None:
    """Save.

    Raises
    ------
    UserError
        If that is impossible, such as on a full disk.
    """
    try:
        session.save()
    except OSError as problem:
        safe = f"iteration {session.saved_iteration}" if session.saved_iteration >= 0 else "nothing"
        raise UserError(
            f'cannot save into "{session.options.model_dir}": {problem.strerror}; '
            f"{safe} is saved there"
        ) from problem


def _try_to_save(session: Session, progress: Progress) -> None:
    """Save in the middle of training; if that is impossible, go on with what is in memory."""
    try:
        _save(session)
        progress.say(f"saved iteration {session.iteration}")
    except UserError as problem:
        console.warn(str(problem))


@contextmanager
def _saving_first(session: Session, progress: Progress) -> Iterator[None]:
    """Save before an error ends the training."""
    try:
        yield
    except UserError:
        _try_to_save(session, progress)
        raise


def _write_preview(session: Session, preview: Preview) -> None:
    """Write the preview; a full disk must not end a training."""
    options = session.options
    if not (options.preview_minutes and session.loss_names):
        return
    caption = f"iteration {session.iteration}"
    image = preview.draw(session.history, session.loss_names, caption)
    paths = [options.model_dir / "preview.png"]
    if options.preview_history:
        paths.append(options.model_dir / "preview_history" / f"{session.iteration:09d}.png")
    try:
        for path in paths:
            write_image(path, image)
    except OSError as problem:
        console.warn(f'cannot write a preview into "{options.model_dir}": {problem.strerror}')


def _show_samples(options: TrainOptions, src: Sampler, dst: Sampler) -> Report:
    """Write a picture of what the networks would be fed, and train nothing."""
    path = options.model_dir / "debug_samples.png"
    write_samples(path, [sampler.batch(0, DEBUG_SAMPLES) for sampler in (src, dst)])
    console.say(f'what the model would be fed is in "{path}"; nothing was trained')
    return Report(counts={"samples": 2 * DEBUG_SAMPLES})


@contextmanager
def _only_trainer(model_dir: Path) -> Iterator[None]:
    """Make the model folder and keep other trainers out of it."""
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f'cannot make the folder "{model_dir}": {problem.strerror}') from None
    lock = FileLock(model_dir / ".train.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ModelError(
            f'another training is at work in "{model_dir}"; stop it, or use another --model-dir'
        ) from None
    try:
        yield
    finally:
        lock.release()
