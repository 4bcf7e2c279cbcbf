"""Steps that recover from faults: losses that are not finite, collapse, too little memory."""

from models.engine import engine
from models.save_memory import parts_of
from trainer.data.loader import BatchLoader
from trainer.health import CHECK_EVERY, RECENT, HealthGuard, Problem
from trainer.progress import ProgressLine
from trainer.rollback import Rollbacks, nothing_healthy
from trainer.session import TrainingSession
from utils import console
from utils.errors import UserError

MARGIN = 2 * RECENT  # iterations
MAX_SKIPPED = 5  # steps in a row that are not finite


class StepRunner:
    """Runs the steps of a session and recovers from those that go wrong."""

    def __init__(self, session: TrainingSession, loader: BatchLoader, line: ProgressLine) -> None:
        self._session, self._loader, self._line = session, loader, line
        self._guard, self._rollbacks = HealthGuard(), Rollbacks(session)
        self._skipped = 0
        self._returned_to: int | None = None

    def step(self) -> bool:
        """Do one step; False when it went wrong and the session has recovered.

        Raises
        ------
        UserError
            When it cannot recover.
        """
        session = self._session
        swapped = session.sides_swapped
        self._adjust_loader()
        faults: tuple[type[Exception], ...] = (MemoryError, *engine().errors)
        try:
            src, dst = self._loader.next()
            result = session.train(src, dst)
        except faults as problem:
            if not engine().is_out_of_memory(problem):
                raise
            self._halve_batch()
            return False
        if not result.finite:
            self._skip()
            return False
        self._skipped = 0
        sides = (dst, src) if swapped else (src, dst)
        if self._guard.collapsed(result.losses, *sides):
            since = session.iteration - RECENT
            reason = f"the loss has more than doubled around iteration {since}"
            self._roll_back(f"{reason} and stays high")
            return False
        if (session.iteration % CHECK_EVERY == 0 or session.steps_done == 1) and not self._check():
            return False
        if session.sides_swapped != swapped:
            self._guard.reset()
            self._line.say("src and dst are no longer swapped")
        return True

    def _adjust_loader(self) -> None:
        """Load such batches as the session wants at this point of the way to the target."""
        session, loader = self._session, self._loader
        if (session.samples, session.warps) != (loader.size, loader.warp):
            loader.resize(session.samples, warp=session.warps)
            self._line.restart()

    def problem(self) -> Problem | None:
        """Return why the model must not be saved, None if it may."""
        return self._guard.problem(self._session.model)

    def may_save(self) -> bool:
        """Whether the model may be saved now; if it is dead, the session is rolled back first."""
        if self._guard.spike():
            return False  # at no cost; the next step tells more
        problem = self.problem()
        if problem is not None and problem.certain:
            self._revive(problem)
        return problem is None

    def settle(self) -> bool:
        """Bring the session into a state that may be saved; whether it is in one already."""
        problem = self.problem()
        if problem is not None:
            self._revive(problem)
        return problem is None

    def _check(self) -> bool:
        """Whether the model can learn; if not, the session is rolled back."""
        problem = self._guard.death(self._session.model)
        if problem is not None:
            self._revive(problem)
        else:
            self._session.confirm(self._session.iteration - CHECK_EVERY)
        return problem is None

    def _revive(self, problem: Problem) -> None:
        self._roll_back(f"{problem.reason} at iteration {self._session.iteration}")

    def _skip(self) -> None:
        """Forget a step that is not finite: it has changed no weight, so the next may go well."""
        iteration = self._session.iteration
        reason = f"the loss of iteration {iteration + 1} is not a number"
        self._skipped += 1
        if self._skipped > MAX_SKIPPED or self._guard.death(self._session.model):
            self._roll_back(reason)
        else:
            self._line.say(f"{reason}; the step is skipped")

    def _roll_back(self, reason: str) -> None:
        """Return to an earlier generation that is healthy.

        Those of the last MARGIN iterations may be affected too: they are left out unless that costs
        more than as many again. Where training soon breaks down again, it does not matter
        what that costs.
        """
        self._line.say(reason)
        session, iteration, returned_to = self._session, self._session.iteration, self._returned_to
        again = returned_to is not None and iteration - returned_to <= 2 * MARGIN
        limit = (returned_to if returned_to is not None and again else iteration) - MARGIN
        found = session.restore_newest(limit, self._fine)
        if not found or (session.iteration < limit - MARGIN and not again):
            found = session.restore_newest(iteration, self._fine)
        # the losses of much earlier ones are no measure
        if not (found or session.restore_newest(iteration, self._is_alive)):
            raise nothing_healthy(session)
        self._rollbacks.to(session.iteration)
        self._returned_to, self._skipped = session.iteration, 0
        self._guard.reset()
        self._line.restart()
        self._line.say(f"went back to iteration {session.iteration}")

    def _fine(self) -> bool:
        return self.problem() is None

    def _is_alive(self) -> bool:
        return self._guard.death(self._session.model) is None

    def _halve_batch(self) -> None:
        session = self._session
        size, devices = session.current_batch, session.step.device_count
        saving = any(map(parts_of, session.model.networks.values()))
        smaller = size // 2 // devices * devices  # each device gets an equal share
        if not smaller:
            raise UserError(
                "there is not enough memory for a batch of one face of each side"
                f"{' on each GPU' if devices > 1 else ''}; close other programs,"
                f"{'' if saving else ' add --save-memory,'} or train a "
                "smaller model (--lightweight, a lower resolution) in another --model-dir"
            )
        session.limit_batch(smaller)
        self._adjust_loader()
        console.warn(
            f"not enough memory for a batch size of {size}; continuing with {smaller}"
            f"{'' if saving else ' (--save-memory needs less)'}"
        )
