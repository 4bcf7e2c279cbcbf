"""Results of which machines have done a share each: put together, signed, and given their sound."""

from collections.abc import Sequence
from pathlib import Path

from converters.footage import Footage
from converters.output.folder import FolderOutput
from converters.output.journal import JOURNAL, RunIdentity
from converters.output.parts import PartRecord
from converters.output.request import OutputRequest
from converters.output.video import VideoOutput
from utils.errors import InputError
from utils.files import Manifest, is_image, write_bytes
from utils.parallel import cores, ordered_map
from utils.shares import Share


class JoinedVideo(VideoOutput):
    """A video whose pieces are in the folders of shares; leaving it joins them."""

    def __init__(
        self,
        request: OutputRequest,
        footage: Footage,
        identity: RunIdentity,
        shares: Sequence[Share],
    ) -> None:
        self._parts: dict[str, VideoOutput] = {}
        super().__init__(request, footage, identity)
        records: dict[str, PartRecord] = {}
        for share in shares:
            part = VideoOutput(request.of_share(share), footage, identity)
            if not part.is_complete:
                raise InputError(
                    f"pieces of part {share} are missing: run this with --part {share} again"
                )
            records |= part.records
            self._parts |= dict.fromkeys(part.records, part)
        self.records = records
        self._skip_finished()

    def files(self, name: str) -> list[Path]:
        """Return the files of a part, in the folder of its share."""
        return self._parts[name].files(name) if name in self._parts else super().files(name)

    def remove_parts(self) -> None:
        """Remove the pieces."""
        for part in dict.fromkeys(self._parts.values()):
            part.clear()


def join_folder(output: FolderOutput, request: OutputRequest, shares: Sequence[Share]) -> None:
    """Move the images of shares to where the result is, signed, and their lines of the journal."""
    for share in shares:
        part = request.of_share(share)
        _move_all(part.path, request.path, request)
        if part.mask_path and request.mask_path:
            _move_all(part.mask_path, request.mask_path, None)
        journal = part.path / JOURNAL
        for name, record in Manifest(journal, None).done.items():
            output.record(name, record.get("faces"))
        journal.unlink(missing_ok=True)


def _move_all(folder: Path, target: Path, request: OutputRequest | None) -> None:
    """Move the images of a folder; those of a marked result are signed."""
    marker = request.marker if request else None

    def move(path: Path) -> None:
        if marker is None:
            path.replace(target / path.name)
        else:
            write_bytes(target / path.name, marker.sign_image(path.read_bytes()))
            path.unlink()

    images = sorted(filter(is_image, folder.iterdir() if folder.is_dir() else ()))
    for _ in ordered_map(move, images, workers=cores(), catch=()):
        pass
