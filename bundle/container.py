"""Builds the container's image without a registry, and tries it: `make container`.

The base is Debian's minimal system, made here by mmdebstrap instead of fetched; all else is what
Containerfile says, by buildah. `podman build` makes the same from the image in a registry.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bundle.systems import NAME, ROOT
from bundle.tools import BuildError, run
from utils.console import error, say
from utils.errors import InputError, UserError

BASE = "localhost/debian:12-slim"
RELEASE = "bookworm"
TARGETS, DRIVERS = ("cpu", "cuda"), ("overlay", "vfs")
SCRATCH = Path("dist/container")
CHROOT = {**os.environ, "BUILDAH_ISOLATION": "chroot"}  # asks nothing of the kernel
USER = 1000
MOUNTED = "/home/faceswap/clips"  # buildah hides what is mounted where the image has a volume
TOOLS = ("mmdebstrap", "buildah")
TRIED = (("--help",), ("extract", "src", "--workspace", MOUNTED))
CLIP = 8
"""Frames of the clip in which faces are looked for."""


class Store:
    """Where buildah keeps images, apart from those of the user.

    Parameters
    ----------
    folder : Path
        The folder for images, containers and what they download.
    driver : str
        How layers are kept: "overlay", or "vfs", which works everywhere and takes more room.
    """

    def __init__(self, folder: Path, driver: str) -> None:
        self.folder = folder
        self.flags = (
            "--root", str(folder / "root"), "--runroot", str(folder / "run"),
            "--storage-driver", driver,
        )  # fmt: skip

    def buildah(self, *words: str | Path) -> str:
        """Run buildah and return the last line that it printed."""
        return run("buildah", *self.flags, *words, env=CHROOT).strip().rpartition("\n")[2]

    def show(self, *words: str | Path) -> None:
        """Run buildah and show what it prints.

        Raises
        ------
        BuildError
            If it fails.
        """
        done = subprocess.run(["buildah", *self.flags, *words], env=CHROOT, check=False)
        if done.returncode:
            raise BuildError(f"buildah failed with status {done.returncode}; see above")


def main(argv: Sequence[str] | None = None) -> int:
    """Build an image, try it, and return the exit status."""
    options = _options().parse_args(argv)
    try:
        check_tools()
        options.scratch.mkdir(parents=True, exist_ok=True)
        store = Store(options.scratch.resolve(), options.driver)
        make_base(store)
        image = build(store, options.target, options.volume)
        try_it(store, image)
    except UserError as problem:
        error(str(problem))
        return problem.status
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bundle.container", description=__doc__)
    add = parser.add_argument
    add("--target", choices=TARGETS, default="cpu", help="the target of Containerfile (cpu)")
    add("--scratch", type=Path, default=SCRATCH, help=f"folder for images ({SCRATCH})")
    add("--driver", choices=DRIVERS, default="overlay", help="how layers are kept (overlay)")
    add("--volume", action="append", default=[], help="mount this while building; see buildah")
    return parser


def check_tools() -> None:
    """Refuse to begin without the programs that a build needs.

    Raises
    ------
    InputError
    """
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        raise InputError(
            f"the build needs {' and '.join(missing)}: apt-get install {' '.join(missing)}"
        )


def make_base(store: Store) -> None:
    """Make the image that Containerfile begins from, unless it is there."""
    archive = store.folder / f"{RELEASE}.tar"
    if not archive.is_file():
        say("Debian's minimal system")
        unfinished = archive.with_suffix(".unfinished.tar")
        run("mmdebstrap", "--variant=minbase", RELEASE, unfinished)
        unfinished.replace(archive)
    if store.buildah("images", "--quiet", "--filter", f"reference={BASE}"):
        return
    container = store.buildah("from", "scratch")
    store.buildah("add", "--quiet", container, archive, "/")
    store.buildah("commit", "--quiet", "--rm", container, BASE)


def build(store: Store, target: str, volumes: Sequence[str]) -> str:
    """Build a target of Containerfile and return the image's name."""
    image = f"localhost/{NAME}:{target}"
    say(f"the image {image}: some ten minutes")
    mounts = [f"--volume={volume}" for volume in volumes]
    store.show(
        "build", "--layers", "--format", "docker", "--target", target, *mounts,
        "--build-arg", f"BASE={BASE}", "--tag", image, "--file", ROOT / "Containerfile", ROOT,
    )  # fmt: skip
    return image


def try_it(store: Store, image: str) -> None:
    """Find faces in a clip, in the container and as its user.

    Raises
    ------
    BuildError
        If that fails, or no face is found in a frame.
    """
    workspace = store.folder / "workspace"
    shutil.rmtree(workspace, ignore_errors=True)
    write_frames(workspace / "data_src.mp4")
    run("chown", "-R", f"{USER}:{USER}", workspace)
    container = store.buildah("from", "--pull-never", image)
    try:
        for words in TRIED:
            store.show(
                "run", "--user", str(USER), "--volume", f"{workspace}:{MOUNTED}", container, "--",
                "python", f"/usr/local/bin/{NAME}", *words,
            )  # fmt: skip
    finally:
        store.buildah("rm", container)
    faces = list((workspace / "data_src" / "aligned").glob("*.png"))
    if len(faces) != CLIP or any(face.stat().st_uid != USER for face in faces):
        raise BuildError(f"{len(faces)} faces in {CLIP} frames, made by {image}")
    say(f"{image}: {len(faces)} faces in {CLIP} frames, files of user {USER}")


def write_frames(path: Path) -> None:
    """Write a clip of a face: scikit-image's astronaut, who comes nearer."""
    import numpy as np
    import skimage.data
    from PIL import Image

    from scripts.readme_footage import write_clip

    photo = Image.fromarray(skimage.data.astronaut())
    edges = range(0, 8 * CLIP, 8)
    boxes = [(edge, edge // 4, 512 - edge, 512 - edge * 7 // 4) for edge in edges]
    path.parent.mkdir(parents=True)
    write_clip(
        path, (np.asarray(photo.resize((512, 512), box=box), np.float32) / 255 for box in boxes)
    )


if __name__ == "__main__":
    sys.exit(main())
