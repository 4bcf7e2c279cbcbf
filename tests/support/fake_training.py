"""Stands in for `train` where the queue runs it; as a program it also runs `queue run`.

It tells progress from iteration 100 on until it is asked to stop, and does what request files ask;
options that it is given are noted in the newest generation. Another start goes on where the one
before ended. A batch size of 3 fails.
"""

import json
import signal
import sys
import time
from pathlib import Path

from filelock import FileLock


def train(words):
    """Train no model; returns the exit status."""
    home = Path(words[words.index("--workspace") + 1])
    folder = home / (words[words.index("--model-dir") + 1] if "--model-dir" in words else "model")
    if words[1:3] == ["--batch-size", "3"]:
        tell("error", text="there is no batch size of 3")
        tell("end", status=1)
        return 1
    reached = folder / "reached"
    iteration = int(reached.read_text()) if reached.exists() else 100
    tell("message", text=f"began after {iteration}")
    lock = FileLock(folder / ".train.lock")
    lock.acquire()
    asked = []
    signal.signal(signal.SIGINT, lambda *_: asked.append(True))
    while not asked:
        iteration += 1
        facts = {"item": iteration, "of": 500, "unit": "iteration", "rate": 2.0, "eta": 125.0}
        gpu = {"now": 3 << 29, "most": 5 << 29}
        values = {"src": 0.25, "dst": 0.125}
        tell("progress", message="Training", values=values, gpu_memory=gpu, **facts)
        for path in folder.glob("[!.]*.request"):
            if path.stem == "options":
                note(folder, iteration, json.loads(path.read_text()))
            path.unlink()
            tell("message", text=f"did {path.stem}")
        time.sleep(0.1)
    reached.write_text(str(iteration))
    tell("end", status=130)
    return 130


def tell(event, **facts):
    """Print an event."""
    print(json.dumps({"event": event, **facts}), flush=True)


def note(folder, iteration, options):
    """Note that options changed."""
    state = max(folder.glob("generations/*/state.json"))
    values = json.loads(state.read_text())
    changes = {name: [0, value] for name, value in options.items()}
    values.setdefault("changes", []).append({"iteration": iteration, "options": changes})
    state.write_text(json.dumps(values))


if __name__ == "__main__":
    if sys.argv[1] == "queue":
        import main
        from utils import program

        program.start = lambda: [sys.executable, __file__]
        sys.exit(main.main(sys.argv[1:]))
    sys.exit(train(sys.argv[1:]))
