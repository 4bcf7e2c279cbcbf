#!/usr/bin/env bash
# tf2onnx 1.17.0 (PyPI wheel) installs three folders beside its own package, at the top of
# site-packages: `tests`, `tools` and `examples`, none with an __init__.py.
# Expected: the one package `tf2onnx`. Met by: a project that has a folder `tools` or `tests` without
# __init__.py of its own; Python merges the two into one namespace package, and `import
# tools.graphtool` finds tf2onnx's file there (`pip uninstall tf2onnx` takes it away again).
# Output seen on 2026-11-29, Python 3.11:
#     top level: examples tests tf2onnx tools
#     tools is a namespace of 2 folders; tools.graphtool is tf2onnx's
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder/site" tf2onnx==1.17.0
mkdir -p "$folder/project/tools"
echo 'print("mine")' > "$folder/project/tools/mine.py"
cd "$folder/project"
PYTHONPATH="$folder/site" python3 - <<'PY'
import importlib.util
import pathlib
import sys

site = pathlib.Path(sys.path[1])
top = sorted(path.name for path in site.iterdir() if path.is_dir() and "." not in path.name and path.name != "bin")
print("top level:", *top)
assert top == ["examples", "tests", "tf2onnx", "tools"], top
assert not any((site / name / "__init__.py").exists() for name in ("tests", "tools", "examples"))
import tools

found = importlib.util.find_spec("tools.graphtool").origin
assert len(list(tools.__path__)) == 2 and pathlib.Path(found).is_relative_to(site)
print("tools is a namespace of 2 folders; tools.graphtool is tf2onnx's")
PY
