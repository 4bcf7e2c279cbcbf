"""Stands in for the commands that the queue runs. As a program it runs `queue run`:

    python -m support.fake_stage queue run --workspace DIR

What a job does depends on its words: `--by blur` is done at once, `--by black` fails, and with
`--by hist` it runs until Ctrl-C, or until a file `go` is in the workspace.
"""

import json
import sys
import time
from pathlib import Path

ENDS = {"blur": 0, "black": 1, "hue": 2}


def stage(words):
    """Do what the words say; returns the exit status."""
    by = words[words.index("--by") + 1] if "--by" in words else "blur"
    home = Path(words[words.index("--workspace") + 1])
    print("begins", *words, flush=True)
    try:
        while by == "hist" and not (home / "go").exists():
            time.sleep(0.02)
    except KeyboardInterrupt:
        print("stopped", flush=True)
        return 130
    status = ENDS.get(by, 0)
    print(json.dumps({"event": "end", "status": status}), flush=True)
    return status


if __name__ == "__main__":
    if sys.argv[1] == "queue":
        import main
        from utils import program
        from workbench import devices

        program.start = lambda: [sys.executable, __file__]
        devices.has_gpu = lambda: True
        sys.exit(main.main(sys.argv[1:]))
    sys.exit(stage(sys.argv[1:]))
