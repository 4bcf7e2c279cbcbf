"""Options that change while a training runs, when another program asks for it.

`options.request` in the model's folder holds a JSON object of options and values. What the loop
reads in every iteration takes effect with the next one (`live` in its declaration); all else
is in the network, in the compiled step or in the samples, and needs a new start.
"""

import json
from collections.abc import Collection
from dataclasses import replace

from models.critics import is_power, power_option
from trainer import option_changes
from trainer.assembly import monitor_settings
from trainer.monitoring.monitor import Monitor
from trainer.monitoring.stop_rule import StopRule
from trainer.option_changes import Changes
from trainer.options import TrainOptions, to_save
from trainer.progress import ProgressLine
from trainer.request_files import RequestFiles
from trainer.save import Saver
from trainer.session import TrainingSession
from utils import console, events
from utils.errors import UsageError
from utils.options import options_of, to_json
from utils.records import DAMAGE

OPTIONS = "options"


class LiveOptions:
    """The options of one run, as they are at present."""

    def __init__(
        self,
        options: TrainOptions,
        session: TrainingSession,
        monitor: Monitor,
        saver: Saver,
        line: ProgressLine,
    ) -> None:
        self._options, self._session, self._line = options, session, line
        self._monitor, self._saver = monitor, saver
        self._files = RequestFiles(options.model_dir, OPTIONS)
        newest = session.changes[-1:]
        if newest and newest[0]["iteration"] == session.iteration:  # flags of this start
            line.say(tell(newest[0]["options"], session.iteration, options))
            saver.change(options.save_minutes)

    def after_step(self) -> None:
        """Take what is asked for, for the steps from now on."""
        content = self._files.taken().get(OPTIONS)
        if content is None:
            return
        try:
            self._take(changed(self._options, content, self._session.model.powers))
        except UsageError as problem:
            console.warn(f"nothing was changed: {problem}")

    def _take(self, options: TrainOptions) -> None:
        before, self._options = self._options, options
        changes = option_changes.between(to_json(before), to_json(options))
        if not changes:
            return
        session = self._session
        known = {name: value for name, value in to_save(options).items() if name in changes}
        session.note_changes(changes)
        session.save_settings = replace(
            session.save_settings,
            keep=options.keep,
            # the batch size that is saved may be a smaller one than was asked for
            options={**session.save_settings.options, **known},
        )
        if options.schedule != before.schedule or options.stop_when != before.stop_when:
            session.reschedule(options.schedule)
        for name, power in session.model.powers.items():
            power.assign(getattr(options, power_option(name)))
        self._monitor.change(monitor_settings(options))
        self._saver.change(options.save_minutes)
        self._line.say(tell(changes, session.iteration, options))


def changed(options: TrainOptions, content: bytes, critics: Collection[str] = ()) -> TrainOptions:
    """Return options with those of a request in place.

    Parameters
    ----------
    critics : collection of str
        The critics that take part in the training: the power of another one means nothing to it.

    Raises
    ------
    UsageError
        If it asks for what there is not, for what needs a new start, or is no such request.
    """
    try:
        asked = json.loads(content)
    except DAMAGE:
        asked = None
    if not isinstance(asked, dict):
        raise UsageError('options.request: Expected a JSON object, such as {"save_minutes": 5}')
    live = {option.name: option for option in options_of(type(options)) if option.meta["live"]}
    for name in asked:
        if name not in live:
            raise UsageError(
                f"options.request: Expected one of {', '.join(live)}. "
                f"Received: {console.quoted(name)}; all else needs a new start with another flag"
            )
    new = replace(options, **{name: live[name].check(value) for name, value in asked.items()})
    for name in asked:
        if is_power(name) and name not in map(power_option, critics):
            raise UsageError(
                f"options.request: {name} needs a critic, which is only made at the start; "
                f"stop the training and continue it with {live[name].flag}"
            )
    StopRule.parse(new.stop_when)
    return new


def tell(changes: Changes, iteration: int, options: TrainOptions) -> str:
    """Tell an event about a change, and return it in words."""
    if events.wanted():
        console.tell("options", {"iteration": iteration, "options": changes})
    declared = {option.name: option for option in options_of(type(options))}
    words = option_changes.in_words(changes, declared)
    return f"from iteration {iteration + 1:,}: {words}"
