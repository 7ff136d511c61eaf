#!/bin/sh
# Builds the wheel of the project in SOURCE and installs it in the environment DEST, whose dependencies must be there.
# Usage: install-services.sh SOURCE DEST
set -eu
source=$1 dest=$2
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
pip="python3 -m pip --quiet --no-input --disable-pip-version-check"
$pip wheel --no-deps --wheel-dir "$wheels" "$source"
$pip --python "$dest/bin/python" install --no-deps --ignore-installed "$wheels"/adrwatch-*.whl
$pip --python "$dest/bin/python" check
