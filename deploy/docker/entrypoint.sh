#!/bin/sh
# Runs an adrwatch command under the name of its container, so that each replica is a member of its own in the consumer group.
# Usage: entrypoint.sh COMMAND...
set -eu
export ADRWATCH_WORKER_ID="${ADRWATCH_WORKER_ID:-$(uname -n)}"
exec adrwatch "$@"
