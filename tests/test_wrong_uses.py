"""Wrong uses are refused with a way out, before anything is asked, loaded or changed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.wrong_uses import WRONG_USES, make_workspace

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("wrong") / "uses")


@pytest.fixture(scope="module")
def attempts(here):
    """What came of each; all are tried in one process, so the first import would be seen."""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    command = [sys.executable, "-m", "support.wrong_uses", str(here)]
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT)
    assert not done.returncode, done.stderr
    return {attempt["words"]: attempt for attempt in json.loads(done.stdout)}


def test_there_are_at_least_forty():
    assert len(WRONG_USES) >= 40


@pytest.mark.parametrize("words", WRONG_USES)
def test_a_wrong_use_is_one_sentence_with_the_way_out(words, attempts, here):
    attempt = attempts[words]
    sentence, _, rest = attempt["err"].partition("\n")
    assert sentence.startswith("error: "), attempt
    assert re.fullmatch(r"(run '.+ --help' for the options|Expected one of: .+)?\n?", rest), rest
    assert WRONG_USES[words].format(here=here) in sentence
    assert re.fullmatch(r'(Workspace: ".+"\n)?', attempt["out"])
    assert attempt["status"] in (1, 2)


@pytest.mark.parametrize("words", WRONG_USES)
def test_a_wrong_use_asks_loads_and_changes_nothing(words, attempts):
    attempt = attempts[words]
    assert not attempt["asked"]
    assert not attempt["loaded"]
    assert not attempt["changed"]
