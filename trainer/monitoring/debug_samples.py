"""`train --debug`: what the networks would be fed, as picture and window; nothing is trained."""

from trainer.data.sampler import Sampler
from trainer.monitoring.preview import draw_samples
from trainer.options import TrainOptions
from utils import console, window
from utils.console import Report
from utils.images import Image, write_image
from utils.window import Key, Window

SAMPLES = 12  # of each side in the picture
SHOWN = 4  # ... and in the window
TITLE = "What the model is fed"


def show_samples(options: TrainOptions, src: Sampler, dst: Sampler) -> Report:
    """Write a picture of samples, show more in a window, and train nothing."""
    path = options.model_dir / "debug_samples.png"
    write_image(path, _draw(src, dst, 0, SAMPLES))
    console.say(f'what the model would be fed is in "{path}"; nothing was trained')
    shown = SAMPLES
    if options.preview and window.available():
        console.say("window: p shows other samples, Enter ends")
        shown += _leaf_through(src, dst)
    return Report(counts={"samples": 2 * shown})


def _leaf_through(src: Sampler, dst: Sampler) -> int:
    """Show samples in a window until it is closed or Enter is pressed; return how many."""
    page = 0
    with Window(TITLE) as opened:
        opened.show(_draw(src, dst, page, SHOWN))
        while not opened.closed:
            for event in opened.events(50):
                if event == Key("enter"):
                    opened.close()
                elif event == Key("p"):
                    page += 1
                    opened.show(_draw(src, dst, page, SHOWN))
    return (page + 1) * SHOWN


def _draw(src: Sampler, dst: Sampler, number: int, count: int) -> Image:
    """Draw batch `number`: per side what goes in, what should come out, and the mask."""
    return draw_samples([sampler.batch(number, count) for sampler in (src, dst)])
