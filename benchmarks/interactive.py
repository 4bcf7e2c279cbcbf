"""Latency of a change in `convert --interactive`: blending and drawing at 1080p.

    python benchmarks/interactive.py [--face 300] [--model H64]

Every round changes the erosion, so that no cached image can be used; predictions are cached, as in
the program. Then the frame is changed, which adds decoding and a prediction. The window itself (Qt
takes the finished image) is not included.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from utils import allocator, device

device.select(device.EngineOptions(cpu_only=True))
allocator.keep_buffers()  # as the program does

import numpy as np
from support.synthetic import draw_face, make_info, make_landmarks, make_video

from converters.interactive import screen
from converters.interactive.layout import SIZE, Layout
from converters.interactive.preview import PredictedFrame, PreviewRenderer, PreviewRequest
from converters.interactive.state import EditorState, FootageIndex
from converters.look import Look
from converters.look_timeline import LookTimeline
from converters.predictor import of_model
from models import MODELS
from utils.video.io import open_source
from utils.video.seekable import open_random

ROUNDS, FRAMES = 20, 40
LAYOUT = Layout(*SIZE)
AT = 8  # a frame with all its context frames
LOOKS: dict[str, dict[str, Any]] = {
    "overlay": {"mode": "overlay"},
    "hist-match": {"mode": "hist-match"},
    "seamless": {"mode": "seamless"},
    "seamless-hist-match": {"mode": "seamless-hist-match"},
    "overlay, color transfer rct": {"mode": "overlay", "color_transfer": "rct"},
    "overlay, color transfer sot": {"mode": "overlay", "color_transfer": "sot"},
}


def request(index: int, look: Look) -> PreviewRequest:
    """Return the window's request when all frames have one look."""
    return PreviewRequest.of(
        EditorState(FootageIndex(FRAMES, ()), LookTimeline.all_alike(look), index)
    )


def timed(renderer: PreviewRenderer, state: EditorState, requests: list[PreviewRequest]) -> str:
    """Return the median and the worst time to show each request, and the CPU time, as text."""
    times, busy = [], []
    for each in requests:
        begun, began = time.perf_counter(), time.process_time()
        screen.draw(LAYOUT, renderer(each), state)
        times.append(1000 * (time.perf_counter() - begun))
        busy.append(1000 * (time.process_time() - began))
    return f"{median(times):6.0f} ms, worst {max(times):5.0f}; {median(busy):5.0f} CPU-ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time to see a change in the interactive window")
    parser.add_argument("--face", type=int, default=300, help="width of the face in pixels")
    parser.add_argument("--model", default="H64", choices=MODELS.names)
    arguments = parser.parse_args()
    points = make_landmarks(8, 3, 6, center=(960, 540), width=arguments.face)
    image = draw_face(points, (1080, 1920))
    faces = {
        f"{index:06d}": [make_info(points, source_name=f"{index:06d}.png", frame_index=index)]
        for index in range(FRAMES)
    }
    cls = MODELS.load(arguments.model)
    predictor = of_model(cls(cls.Options()), arguments.model)
    state = EditorState(FootageIndex(FRAMES, tuple(range(FRAMES))), LookTimeline.all_alike(Look()))
    with tempfile.TemporaryDirectory() as folder:
        clip = make_video(Path(folder) / "clip.mp4", [image] * FRAMES, audio=False)
        with open_random(open_source(clip)) as frames:
            renderer = PreviewRenderer(frames, faces, predictor)
            for name, values in LOOKS.items():
                # an untrained model's own mask may be empty
                look = Look(mask_type="hull", **values)
                for index in range(AT + 1):
                    renderer.prepare(PredictedFrame(index))
                renderer(request(AT, look))
                changed = [vars(look) | {"erode_modifier": step} for step in range(1, ROUNDS + 1)]
                requests = [request(AT, Look(**each)) for each in changed]
                print(f"{name:30} {timed(renderer, state, requests)}")
            look = Look(mask_type="hull")
            following = [request(index, look) for index in range(AT + 1, ROUNDS)]
            print(f"{'next frame, not seen before':30} {timed(renderer, state, following)}")
            order = np.random.default_rng(0).permutation(np.arange(ROUNDS, FRAMES)).tolist()
            jumps = [request(index, look) for index in order]
            print(f"{'jump to any frame':30} {timed(renderer, state, jumps)}")


if __name__ == "__main__":
    main()
