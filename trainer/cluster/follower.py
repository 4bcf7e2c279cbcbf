"""Every other member of a cluster: it does the steps that rank 0 asks for, and saves nothing."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from facelib import held_out
from facelib.faceset import Faceset
from models.base import Batch
from models.engine import engine
from trainer import assembly
from trainer.cluster import state
from trainer.cluster.group import DONE, STOPPED, Ended, Group, StepFailed
from trainer.cluster.hello import compare_faces
from trainer.cluster.joining import name_of
from trainer.cluster.wire import AGAIN
from trainer.data.loader import BatchLoader, worker_count
from trainer.options import TrainOptions
from trainer.progress import ProgressLine
from trainer.session import TrainingSession
from trainer.signals import StopRequest, stop_requests
from trainer.tasks import Task
from utils import console
from utils.console import Report
from utils.errors import Interrupted, UserError


def records(model_dir: Path) -> dict[str, str]:
    """Return what the others need of rank 0's model folder to draw the same samples."""
    path = model_dir / held_out.FILE
    return {path.name: path.read_text("utf-8")} if path.exists() else {}


def begin(group: Group, session: TrainingSession) -> None:
    """Tell the others that rank 0 is ready, and what it has decided."""
    group.tell({
        "records": records(session.save_settings.model_dir),
        "seed": session.seed,
        "iteration": session.iteration,
        "seconds": session.seconds,
        "samples": session.samples,
        "local": group.local,
    })


def follow(task: Task, sides: tuple[Faceset, Faceset], group: Group) -> Report:
    """Take part in the training of rank 0 until it ends.

    Raises
    ------
    UserError
        If rank 0 has failed or is lost, or this member cannot go on.
    Interrupted
        After Ctrl-C, here or at rank 0.
    """
    leader = name_of(group.addresses, 0)
    try:
        compare_faces(group, sides)
        begun = group.hear()
        with TemporaryDirectory(prefix="faceswap-") as folder:
            own = _own(task.options, Path(folder), begun)
            follower = _FollowingMember(type(task)(own), sides, group, begun)
            console.say(f"following {leader}, which shows, measures and saves; Ctrl-C stops all")
            follower.run()
    except Ended as end:
        if end.how == DONE:
            console.say(f"{leader} has ended the training")
            return Report()
        if end.how == STOPPED:
            raise Interrupted(f"{leader} was stopped, and has saved the model") from None
        raise UserError(f"{leader} has ended the training: {end}") from None
    raise Interrupted(f"{leader} saves the model; {AGAIN}")


def _own(options: TrainOptions, folder: Path, begun: Mapping[str, Any]) -> TrainOptions:
    """Return options with what rank 0 has decided, for a model that is not saved."""
    for name, text in begun["records"].items():
        (folder / Path(name).name).write_text(text, "utf-8")
    return replace(options, model_dir=folder, load_weights=None, seed=int(begun["seed"]))


class _FollowingMember:
    def __init__(
        self,
        task: Task,
        sides: tuple[Faceset, Faceset],
        group: Group,
        begun: Mapping[str, Any],
    ) -> None:
        self._group = group
        has_gpu = engine().tune()
        self._session = assembly.open_session(task.options, group)
        group.local = begun["local"]
        self._session.step.members = group.of_step()
        self._session.begin_at(int(begun["iteration"]), float(begun["seconds"]))
        samplers = task.samplers(self._session, *sides)
        engine().accelerate(self._session.networks)
        self._loader = BatchLoader(
            samplers.src,
            samplers.dst,
            int(begun["samples"]),
            first=self._session.iteration,
            workers=worker_count(has_gpu=has_gpu),
            share=(group.rank, group.count),
        )
        self._line = ProgressLine(self._session)

    def run(self) -> None:
        """Follow until this member is to stop.

        Raises
        ------
        Ended
            When rank 0 ends.
        """
        self._group.tell({"built": True})
        with stop_requests() as stop, self._loader:
            while not self._leaves(stop, message := self._group.hear()):
                if message["do"] == "restore":
                    state.receive(self._group, self._session.step, message["shapes"])
                else:
                    self._step(message)

    def _leaves(self, stop: StopRequest, message: Mapping[str, Any]) -> bool:
        if not stop.received or message["do"] != "step":
            return False
        self._group.leave("was stopped")
        return True

    def _step(self, message: Mapping[str, Any]) -> None:
        session, loader = self._session, self._loader
        if (message["samples"], message["warp"]) != (loader.size, loader.warp):
            loader.resize(message["samples"], warp=message["warp"])
            self._line.restart()
        session.iteration = message["iteration"]
        session.step.set_rate(message["rate"])
        for name, power in message["powers"].items():
            session.model.powers[name].assign(power)
        faults: tuple[type[Exception], ...] = (MemoryError, *engine().errors)
        try:
            with self._group.step():
                src, dst = self._batch(message["batch"])
                sides = (dst, src) if message["swapped"] else (src, dst)
                result = session.step(*sides)
        except StepFailed as problem:
            if not problem.failure.memory:
                raise UserError(problem.failure.why) from None
        except faults as problem:
            if not engine().is_out_of_memory(problem):
                raise
            console.warn(
                "not enough memory here for this share of the batch; rank 0 makes it smaller"
            )
        else:
            if result.finite:
                session.losses.add(result.losses)
                session.iteration += 1
            self._line.show(loader.waited)

    def _batch(self, number: int) -> tuple[Batch, Batch]:
        """Return the share of a batch, by its number; rank 0 may have left one out."""
        batches = self._loader.next()
        while self._loader.last < number:
            batches = self._loader.next()
        return batches
