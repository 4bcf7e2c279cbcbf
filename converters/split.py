"""Conversion on several machines: a share of the frames, and the join of all shares."""

from dataclasses import replace
from pathlib import Path

from converters.job import Job
from converters.look import save_look, settings_file
from converters.output.folder import FolderOutput
from converters.output.joined import JoinedVideo, join_folder
from converters.output.journal import Journal, RunIdentity
from converters.output.request import OutputRequest
from converters.output.run_log import lock_file, log, output_lock, take_log
from utils.console import Report
from utils.shared_facts import SharedFacts, identity_of
from utils.shares import Share, Split

FRAMES, FACES, BEFORE = "frames", "converted faces", "frames finished before"


def begin(job: Job, identity: RunIdentity) -> None:
    """Record that a share is in work; a whole run needs no record.

    Raises
    ------
    InputError
        If the share does not fit to the others, or to images that are in the output.
    """
    share, output, split = job.share, job.output, job.split
    if share is None:
        return
    if not (output.is_video or output.overwrite or split.has_begun(share)):
        Journal(split.output, identity)  # refuses what the join would refuse
    split.begin(share, _identity(job, identity), overwrite=output.overwrite)


def finish(job: Job, report: Report) -> None:
    """Record that a share is done, and with which report."""
    if job.share is not None:
        job.split.finish(job.share, report)


def join(job: Job) -> Report:
    """Put the results of all shares together, sign the whole, and give a video its sound.

    Neither the model nor a frame is read. A join that was killed goes on, or begins again.

    Raises
    ------
    InputError
        If a share is missing, in work, or of another run.
    """
    plan, split = job.plan, job.split
    assert plan is not None  # there is no window

    def own(run: SharedFacts) -> RunIdentity:
        return job.identity(plan, run["journal"]["model"], run["journal"].get("mask model"))

    def lock_of(share: Share) -> Path:
        return lock_file(job.output.of_share(share).path)

    with (
        output_lock(job.written),
        split.joining(lambda run: _identity(job, own(run)), lock_of) as found,
    ):
        log(job.output.path, "joining", parts=len(found))
        notes = _join(job, split, found, own(split.run_of(found[0])))
        save_look(settings_file(job.output.path), plan.timeline.at(0))
        report = split.merged(found)
        report.notes["the result"] = [*dict.fromkeys([*report.notes["the result"], *notes])]
        report.counts[FRAMES] += report.counts.pop(BEFORE, 0)
        log(job.output.path, "joined", failed=len(report.failures), **report.counts)
        for share in found:
            _tidy(job.output.of_share(share), job.output)
    report.made = job.output.paths
    return report


def _join(job: Job, split: Split, found: list[Share], identity: RunIdentity) -> list[str]:
    """Put the result together and return notes about it."""
    if job.output.is_video:
        with JoinedVideo(job.output, job.footage, identity, found) as video:
            pass
        split.mark_joined()
        video.remove_parts()
        return video.notes
    request = job.output
    if split.is_joining:  # what was there before is discarded
        request = replace(request, overwrite=False)
    with FolderOutput(request, job.footage, identity) as folder:
        split.begin_join()
        join_folder(folder, request, found)
    return folder.notes


def _tidy(part: OutputRequest, whole: OutputRequest) -> None:
    """Keep the log and the debug images of a share, and remove its settings."""
    take_log(part.path, whole.path)
    settings_file(part.path).unlink(missing_ok=True)
    for image in part.debug_dir.iterdir() if part.debug_dir.is_dir() else ():
        whole.debug_dir.mkdir(exist_ok=True)
        image.replace(whole.debug_dir / image.name)


def _identity(job: Job, identity: RunIdentity) -> SharedFacts:
    footage, output = job.footage, job.output
    whole = footage.whole
    names = [file.name for file in footage.source.files]
    frames = [None if end is None else str(end) for end in (whole.first, whole.last)]
    facts = {"coding": dict(output.encoding), "masks": output.mask_path is not None}
    return identity_of(
        footage.source.path, names, {"journal": identity.header, "frames": frames, **facts}
    )
