#!/bin/sh
# Serves the models of REPOSITORY on CPUs, from the folder that deploy.docker.triton_folder made. Further options go to the server.
# Usage: serve-triton.sh FOLDER REPOSITORY [OPTION...]
set -eu
folder=$1 repository=$2
shift 2
python="$folder/environment/bin/python"
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
interpreter=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')
# The backend's processes take their interpreter from the library path and their packages from the first Python on PATH.
export LD_LIBRARY_PATH="$packages/nvidia_pytriton.libs:$interpreter"
export PATH="$folder/environment/bin:/usr/bin:/bin" VIRTUAL_ENV="$folder/environment" PYTHONPATH=
exec "$packages/pytriton/tritonserver/bin/tritonserver" \
  --model-repository="$repository" \
  --model-control-mode=explicit '--load-model=*' \
  --backend-directory="$folder/backends" \
  --cache-directory="$packages/pytriton/tritonserver/caches" \
  --exit-timeout-secs=5 "$@"
