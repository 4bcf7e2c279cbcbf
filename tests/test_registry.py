"""Registries list without importing and load on demand; every registered object can be loaded."""

import dataclasses

import pytest

from models import MODELS
from utils.errors import UsageError
from utils.registry import Registry

PLUGINS = Registry("plug-in", {"path": ("pathlib:Path", "a path"), "bad": ("nowhere:X", "gone")})


def test_names_keep_their_order_and_cost_no_import():
    assert PLUGINS.names == ("path", "bad")
    assert PLUGINS["path"].help == "a path"


def test_load_gives_the_object():
    from pathlib import Path

    assert PLUGINS.load("path") is Path


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match=r"did you mean path\?.*path, bad.*Received: pth"):
        PLUGINS.load("pth")


@pytest.mark.parametrize("name", MODELS.names)
def test_every_model_loads(name):
    assert dataclasses.is_dataclass(MODELS.load(name).Options)
