"""Memory of `extract` over the length of a long 1080p clip (Linux).

    python -m benchmarks.extract_memory [--hours 1] [--seconds 600] [--flags --landmarker dlib68]
    python -m benchmarks.extract_memory --hours 0.1     # 9,000 frames

The clip is real H.264: two seconds of scikit-image's astronaut, encoded once, whose packets are
repeated with later timestamps. The stage runs as a user would start it, to the clip's end or for so
many seconds; the resident memory of its processes is read and printed every 1,000 frames, so that
an interrupted run counts as well. The journal grows linearly with the frames: the last line
extrapolates to the clip's end.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import av
import numpy as np

from benchmarks.extract import clip

ROOT = Path(__file__).resolve().parent.parent
RATE, LOOP, STEP = 25, 50, 1000


def make_clip(path: Path, frames: int) -> None:
    """Write a 1920 x 1080 clip of so many frames, 50 of them distinct."""
    short = path.with_name("short.mp4")
    with av.open(str(short), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE))
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.options = {"crf": "26", "preset": "veryfast", "bf": "0", "g": str(LOOP)}
        for image in clip(1920, 1080, LOOP):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    with av.open(str(short)) as source, av.open(str(path), "w") as container:
        (video,) = source.streams.video
        stream = container.add_stream_from_template(video)
        packets = [packet for packet in source.demux(video) if packet.size]
        data = [(bytes(packet), packet.is_keyframe) for packet in packets]
        time_base = int(1 / RATE / video.time_base)
        for index in range(frames):
            content, first = data[index % LOOP]
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.is_keyframe = stream, video.time_base, first
            packet.pts = packet.dts = index * time_base
            container.mux(packet)


def resident(pid: int) -> tuple[float, float]:
    """Return the resident memory of a process and its children, and their peaks, in MB."""
    now = peak = 0.0
    for member in [pid, *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]:
        lines = Path(f"/proc/{member}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "VmHWM")))
        now += int(fields["VmRSS"].split()[0]) / 1024
        peak += int(fields["VmHWM"].split()[0]) / 1024
    return now, peak


def monitor(source: Path, out: Path, seconds: float, flags: list[str]) -> list[tuple[int, float]]:
    """Run the stage and return (frames done, resident MB), 1,000 frames apart."""
    command = [sys.executable, "main.py", "extract", "--no-ask", "--input-dir", str(source)]
    command += ["--output-dir", str(out), "--image-size", "64", *flags]
    samples: list[tuple[int, float]] = []
    process = subprocess.Popen(command, cwd=ROOT)
    end = time.monotonic() + seconds
    peak, done = 0.0, 0
    while process.poll() is None and time.monotonic() < end:
        time.sleep(1)
        journal = out / ".extract.jsonl"
        done = sum(1 for _ in journal.open("rb")) - 1 if journal.exists() else 0
        try:
            now, most = resident(process.pid)
        except (OSError, ValueError, KeyError):  # a process has just started or ended
            continue
        peak = max(peak, most)
        if done >= STEP * (len(samples) + 1):
            samples.append((done, now))
            print(f"{done:7} frames  {now:6.0f} MB  peak {peak:6.0f} MB", flush=True)
    process.terminate()
    process.wait()
    print(f"{done:7} frames at the end; peak {peak:6.0f} MB", flush=True)
    return samples


def main() -> None:
    """Make the clip, monitor the stage, and extrapolate its memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--flags", nargs=argparse.REMAINDER, default=[])
    arguments = parser.parse_args()
    frames = round(arguments.hours * 3600 * RATE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.mp4"
        make_clip(path, frames)
        print(f"{frames} frames of 1920 x 1080, {path.stat().st_size >> 20} MB", flush=True)
        samples = monitor(path, Path(folder) / "faces", arguments.seconds, arguments.flags)
    if len(samples) > 2:
        done, memory = np.array(samples).T
        slope, start = np.polyfit(done, memory, 1)
        whole = start + slope * frames
        print(f"{1000 * slope:.2f} MB more per 1000 frames; {whole:.0f} MB at the clip's end")


if __name__ == "__main__":
    main()
