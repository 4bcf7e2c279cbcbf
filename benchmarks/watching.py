"""What watching costs a training: preview and measures beside a step of H64. No baseline.

python -m benchmarks.watching
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sampler import write_faces
from facelib.faceset import Faceset
from models.base import Batch
from models.fast_convolution import accelerate
from trainer.data.split import sides_of
from trainer.monitoring import preview
from trainer.monitoring.predict import CHUNK, FacePredictor
from trainer.monitoring.validation import Validation
from trainer.options import options_class
from trainer.session import TrainingSession
from utils import device

ROUNDS, BATCH = 5, 8


def main() -> None:
    """Print milliseconds of wall time, medians, taken in turns."""
    device.tune()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_faces(folder, 256)
        options = options_class("H64")(
            training_data_src_dir=folder, training_data_dst_dir=folder,
            model_dir=folder / "model", model="H64", batch_size=BATCH,
        )  # fmt: skip
        session = TrainingSession(options)
        accelerate(session.model.networks.values())
        src, dst, *_ = sides_of(session, Faceset.open(folder), Faceset.open(folder))
        exam = Validation(src, dst, src, dst)
        sitters, predictor = preview.PreviewFaces(src, dst), FacePredictor(session.model)
        batches: list[Batch] = [side.batch(0, BATCH) for side in (src, dst)]
        times: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            _timed(times, f"step, batch {BATCH}", lambda: session.train(*batches))
            columns = _timed(times, "preview, predicting", lambda: sitters.columns(predictor))
            scene = preview.PreviewContent(columns, session.history, session.loss_names, 1)
            _timed(times, "preview, drawing (background)", lambda scene=scene: preview.draw(scene))
            parts = exam.predict(predictor)
            _timed(times, f"exam, predicting {CHUNK} faces", lambda parts=parts: next(parts))
            *_, made = parts
            _timed(
                times,
                f"exam, measuring {sum(len(part.dst.image) for part in made)} faces (background)",
                lambda made=made: exam.measure(made),
            )
        for what, values in times.items():
            print(f"{what:45} {1000 * np.median(values[1:]):8.0f} ms")


def _timed(times: dict[str, list[float]], what: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401
    started = time.perf_counter()
    result = work()
    times.setdefault(what, []).append(time.perf_counter() - started)
    return result


if __name__ == "__main__":
    main()
