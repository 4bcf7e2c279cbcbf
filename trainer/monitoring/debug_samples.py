"""`train --debug`: shows what the model would be fed, as an image and a window; trains nothing."""

from pathlib import Path

from trainer.data.split import Samplers
from trainer.monitoring.preview import draw_samples
from utils import console, display
from utils.console import Report
from utils.images import Image, write_image
from utils.window import Key, Window

SAMPLES = 12  # of each side, in the image
PER_PAGE = 4  # ... and in the window
TITLE = "Training samples"


def show_samples(samplers: Samplers, folder: Path, *, in_window: bool) -> Report:
    """Write an image of samples into a folder, and page through more in a window if wanted."""
    path = folder / "debug_samples.png"
    write_image(path, _draw(samplers, 0, SAMPLES))
    console.say("these are training samples; nothing was trained")
    shown = SAMPLES
    if in_window and display.available():
        console.say("window: p shows other samples, Enter closes it")
        shown += _page_through(samplers)
    return Report({"samples": 2 * shown}, made=[path], next_without=("--debug",))


def _page_through(samplers: Samplers) -> int:
    """Show samples in a window until it is closed or Enter is pressed; return how many."""
    page = 0
    with Window(TITLE, wheel_zooms=True) as opened:
        opened.show(_draw(samplers, page, PER_PAGE))
        while not opened.closed:
            for event in opened.events(50):
                if event == Key("enter"):
                    opened.close()
                elif event == Key("p"):
                    page += 1
                    opened.show(_draw(samplers, page, PER_PAGE))
    return (page + 1) * PER_PAGE


def _draw(samplers: Samplers, number: int, count: int) -> Image:
    """Draw batch `number`: for each side the input, the target, and the mask."""
    return draw_samples([sampler.batch(number, count) for sampler in (samplers.src, samplers.dst)])
