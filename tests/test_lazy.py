"""Stand-ins for modules: loaded on first use, real afterwards."""

import subprocess
import sys
from pathlib import Path

import pytest

from utils import lazy
from utils.errors import UserError

ROOT = Path(__file__).parent.parent


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_nothing_is_loaded_before_it_is_used():
    code = "import sys; from utils import lazy; x = lazy.load('wave'); a = 'wave' in sys.modules"
    result = python(code + "; x.open; print(a, 'wave' in sys.modules)")
    assert result.stdout.split() == ["False", "True"], result.stderr


def test_keras_is_whole_whoever_is_touched_first():
    code = "from utils import lazy; keras = lazy.load('keras'); tf = lazy.load('tensorflow')"
    result = python(code + "; tf.constant(1); print(keras.utils.set_random_seed is not None)")
    assert result.stdout.strip() == "True", result.stderr


def test_a_missing_module_is_an_error_when_it_is_used():
    module = lazy.load("no_such_module")
    with pytest.raises(UserError, match=r"no_such_module is not installed; .*pip install"):
        _ = module.anything
