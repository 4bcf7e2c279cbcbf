"""A Gradio page with one slider and one picture, for `benchmarks.workbench_latency`.

    python gradio_page.py SETTING PICTURE

Runs in an environment of its own that has Gradio and not this program. The render costs nothing:
the picture is in memory, and the slider colors its edge.
"""

import sys

import gradio
import numpy as np
from PIL import Image

SETTINGS = {
    "defaults": ({}, {}),
    "tuned": ({"format": "jpeg"}, {"queue": False, "show_progress": "hidden"}),
}


def main() -> None:
    """Serve the page and print its address."""
    setting, file = sys.argv[1:]
    picture = np.array(Image.open(file).convert("RGB"))

    def render(value: float) -> np.ndarray:
        picture[:8] = int(value)
        return picture

    shown, listening = SETTINGS[setting]
    with gradio.Blocks() as page:
        slider = gradio.Slider(0, 100, step=1, label="erode")
        image = gradio.Image(picture, show_label=False, elem_id="picture", **shown)
        slider.input(render, slider, image, **listening)
    _, address, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    print(address, flush=True)
    page.block_thread()


if __name__ == "__main__":
    main()
