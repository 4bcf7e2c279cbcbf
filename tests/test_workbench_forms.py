"""Forms: every command has one, and what it can produce parses as the command line it shows."""

import shlex

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import main
from models import MODELS
from utils.errors import UsageError
from utils.options import options_of
from utils.stages import STAGES
from utils.workspace import Workspace
from workbench import forms

COMMANDS = list(forms.commands())
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms") / "it's my workspace"
    (folder / "data_src").mkdir(parents=True)
    (folder / "data_dst").mkdir(parents=True)
    return Workspace(folder)


def shown(form):
    """The options that the command line below a form comes to, read as main.py does."""
    argv = shlex.split(form["command"])[2:]
    name = main.find_stage(argv)
    return main._parse(name, STAGES[name], argv[len(name.split()) :])[1]


def fields(form):
    return {field["name"]: field for group in form["groups"] for field in group["fields"]}


def numbers(field):
    low, high = field["low"], field["high"]
    if field["kind"] == "float":
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    step = field["step"] or 1
    low = -1000 if low is None else low
    most = 1000 if high is None else (high - low) // step
    return st.integers(0, most).map(lambda n: low + n * step)


def entries(field):
    """What may be entered in a field, with what it means."""
    kind = field["kind"]
    if kind == "bool":
        return st.booleans()
    if kind == "choice":
        return st.sampled_from([choice["value"] for choice in field["choices"]])
    if kind == "list":
        return st.lists(TEXT | st.integers(1, 99).map(str), max_size=3)
    if kind in ("int", "float"):
        return numbers(field) | numbers(field).map(lambda n: f" {n} ")
    return TEXT


def meaning(field, value, home):
    kind = field["kind"]
    if kind in ("int", "float"):
        return {"int": int, "float": float}[kind](value)
    if kind == "path":
        return (home.folder / value.strip()).resolve()
    return value.strip() if isinstance(value, str) else value


@pytest.mark.parametrize("name", COMMANDS)
@given(data=st.data())
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_a_form_produces_parses_as_the_command_line_it_shows(name, home, data):
    model = data.draw(st.sampled_from(MODELS.names)) if name == "train" else None
    values = {} if model is None else {"model": model}
    known = fields(forms.form(name, values, home))
    for option in data.draw(st.sets(st.sampled_from([*known, "model"]))):
        if option != "model" and option in known:
            values[option] = data.draw(entries(known[option]))
    form = forms.form(name, values, home)
    if form["problem"].startswith("the following arguments are required"):
        return  # an empty form of a command that needs something
    given = shown(form)
    for option, value in values.items():
        field = known[option]
        if option in form["errors"]:
            assert field["kind"] in ("path", "text", "list")
        elif field["kind"] == "list":
            assert len(given.get(option, ())) == sum(bool(item.strip()) for item in value)
        elif isinstance(value, str) and not value.strip():
            assert option not in given
        else:
            assert getattr(given[option], "value", given[option]) == meaning(field, value, home)
    assert set(given) <= {*values, "workspace"} - set(form["errors"]) | {"side"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_form_has_a_field_for_each_option(name, home):
    cls = forms.options_class(name, [])
    form = forms.form(name, {}, home)
    assert set(fields(form)) == {o.name for o in options_of(cls)} - forms.HIDDEN
    for field in fields(form).values():
        assert field["help"]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("batch_size", "0.5", "a whole number from 0 to 1024"),
        ("batch_size", 4096, "a whole number from 0 to 1024"),
        ("model", "H46", "did you mean H64?"),
        ("target_minutes", "nan", "a number of at least 0"),
        ("preview", "perhaps", "yes or no"),
        ("batch_size", [1, 2], "a whole number from 0 to 1024"),
        ("batch_size", {"a": 1}, "a whole number from 0 to 1024"),
        ("stop_when", "a\nb", "that can be typed"),
        ("stop_when", "\ud800", "that can be typed"),
        ("model_dir", "a\0b", "is not a path"),
    ],
)
def test_a_wrong_value_is_said_at_its_field(home, option, value, said):
    form = forms.form("train", {option: value}, home)
    assert said in form["errors"][option]
    assert form["words"] == ["train"]


def test_the_model_decides_on_the_fields(home):
    sae = fields(forms.form("train", {"model": "SAE"}, home))
    assert {"archi", "ae_dims"} <= set(sae) - set(fields(forms.form("train", {}, home)))
    assert sae["model"]["decides"]
    # what was entered for another model is left out
    assert forms.form("train", {"model": "H64", "ae_dims": 64}, home)["words"] == [
        "train", "--model", "H64",
    ]  # fmt: skip


def test_the_next_step_becomes_a_filled_form(home):
    for words in ("extract src", "sort src --by hist", "train", "convert --overwrite", "evaluate"):
        stage, values = forms.from_words(words.split())
        assert set(forms.form(stage, values, home)["words"]) >= {words.split()[0]}
        assert forms.from_words(forms.form(stage, values, home)["words"]) == (stage, values)


def test_a_side_must_be_chosen(home):
    assert "src or dst?" in forms.form("extract", {}, home)["problem"]
    assert not forms.form("extract", {"side": "dst"}, home)["problem"]


@pytest.mark.parametrize("name", ["workbench", "queue add", "queue run", "help", "", "main"])
def test_what_is_no_job_has_no_form(name):
    with pytest.raises(UsageError, match="Expected one of status, run, extract"):
        forms.stage_of(name.split())
