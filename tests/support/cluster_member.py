"""A member of a cluster in tests: the command line with the toys in it, and faults on request.

python tests/support/cluster_member.py FAULTS train --model TOY ...

FAULTS are words with commas between: `memory` (no room for more than two faces), `nan` (the weights
are no numbers any more from the 12th step on), `gpus` (two of them, where there is none); or `-`.
As its last line it prints a checksum of all that members must have alike.
"""

import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from support import judged_toy, toy_model

from models import MODELS

# before the options are declared, which list the models
MODELS._entries["TOY"], MODELS._entries["JUDGED"] = toy_model.ENTRY, judged_toy.ENTRY

import main  # noqa: E402
from models.backend import keras  # noqa: E402
from models.engine import engine  # noqa: E402
from trainer.cluster import local, member, state  # noqa: E402
from utils import console, device  # noqa: E402

ROOM, BREAKS_AT = 2, 12
LOCAL = "local"


def plant(faults):
    """Count the steps, and let those that are asked for go wrong."""
    cls = engine().Step
    do, done = cls.__call__, []

    def call(step, src, dst):
        done.append(step)
        if "memory" in faults and len(src.warped) > ROOM:
            raise MemoryError("planted")
        if "nan" in faults and len(done) == BREAKS_AT:
            for variable in step.model.variables:
                variable.assign(variable * float("nan"))
        return do(step, src, dst)

    cls.__call__ = call
    return done


def checksum(step):
    """A number that is the same for the same weights and states."""
    found = 0
    for variable in state._variables(step):
        found = zlib.crc32(keras.ops.convert_to_numpy(variable).tobytes(), found)
    return found


if __name__ == "__main__":
    faults, argv = sys.argv[1], sys.argv[2:]
    if faults == LOCAL:
        sys.exit(member.main())
    if "gpus" in faults:
        local.MEMBER, local.gpu_count = (sys.executable, __file__, LOCAL), lambda: 2
    select, steps = device.select, []
    device.select = lambda options: (select(options), steps.append(plant(faults)))
    status = main.main(argv)
    if steps and steps[0]:
        console.say(f"checksum {checksum(steps[0][-1])}")
    sys.exit(status)
