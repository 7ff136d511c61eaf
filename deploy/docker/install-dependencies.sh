#!/bin/sh
# Makes the environment DEST and installs in it what PYPROJECT declares for run time. Wheels only: the slim image has no compiler.
# The environment has no pip of its own: nothing is installed in a container.
# Usage: install-dependencies.sh PYPROJECT DEST
set -eu
pyproject=$1 dest=$2
python3 -m venv --without-pip "$dest"
"$dest/bin/python" - "$pyproject" > "$dest/requirements.txt" <<'PYTHON'
import sys
import tomllib

with open(sys.argv[1], "rb") as file:
    print(*tomllib.load(file)["project"]["dependencies"], sep="\n")
PYTHON
python3 -m pip --python "$dest/bin/python" install --quiet --no-input --disable-pip-version-check --only-binary=:all: \
  --requirement "$dest/requirements.txt"
