#!/usr/bin/env bash
# Make or complete the virtual environment that the other scripts use.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
python=
with_ops=0

usage() {
    cat <<EOF
Usage: bash tools/setup_env.sh [--venv DIR] [--python PYTHON] [--with-ops]

Installs the tested set of packages (requirements/constraints.txt) and this
project into a virtual environment. What is done already is skipped, so this
may be run again at any time, also after an interruption.

  --venv DIR       the environment (default: $venv)
  --python PYTHON  make it with this Python 3.10 to 3.13
                   (default: the first suitable one on the path)
  --with-ops       build mmcv with its compiled operators, which mmdet's
                   detectors need and this project does not (half an hour on
                   two cores; the default takes about 20 seconds)

pip's own settings hold, for instance for a machine without a GPU, which can do
with a much smaller build of torch:
  PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu bash $0
EOF
}

die() {
    echo "ERROR: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
        --venv | --python)
            [ $# -ge 2 ] || die "$1 needs a value"
            if [ "$1" = --venv ]; then venv=$2; else python=$2; fi
            shift 2
            ;;
        --with-ops) with_ops=1 && shift ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && die "unknown argument: $1" ;;
    esac
done

# Absolute: the work goes on in another directory.
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
cd "$root"
unset PYTHONPATH PYTHONHOME

step() { printf '\n[%4d s] %s\n' "$SECONDS" "$*"; }

suitable() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' \
        2>/dev/null
}

find_python() {
    local candidate
    for candidate in \
        python3 python3.11 python3.12 python3.13 python3.10 python; do
        if suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    die "Python 3.10 to 3.13 is needed, and none is on the path" \
        "(python3 is: $(python3 --version 2>&1 || true)). Install one, or" \
        "name it with --python."
}

# Everything that decides what gets installed.
fingerprint() {
    cat requirements/*.txt setup.py tools/setup_env.sh | cksum
    echo "$root $with_ops"
}

make_venv() {
    if [ -e "$venv/bin/python" ] && suitable "$venv/bin/python" &&
        "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        return
    fi
    if [ -d "$venv" ] && [ -n "$(ls -A "$venv")" ] &&
        [ ! -e "$venv/pyvenv.cfg" ]; then
        die "$venv is not empty and no virtual environment"
    fi
    if [ -n "$python" ]; then
        suitable "$python" ||
            die "--python $python: not a Python 3.10 to 3.13"
    else
        python=$(find_python)
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        die "$python cannot make virtual environments" \
            "(on Debian and Ubuntu: apt install python3-venv)"
    step "virtual environment at $venv ($("$python" --version))"
    "$python" -m venv --clear "$venv"
}

install() {
    "$venv/bin/python" -m pip install --disable-pip-version-check \
        --constraint requirements/constraints.txt "$@"
}

stamp=$venv/scm-wsol-installed
if [ -x "$venv/bin/python" ] && [ -f "$stamp" ] &&
    [ "$(cat "$stamp")" = "$(fingerprint)" ]; then
    echo "Environment is complete: $venv"
    exit 0
fi

make_venv
rm -f "$stamp"

step 'torch and what builds the others'
install setuptools wheel ninja numpy torch

# The wheel of the index asks for the CUDA build of torch; projects.scm makes
# its Python half work beside any build (projects/scm/utils/environment.py).
step 'torchvision'
install --no-deps torchvision

if [ $with_ops = 1 ]; then
    step 'mmcv with compiled operators (this takes long)'
    # No cache: it may hold a build without operators.
    MMCV_WITH_OPS=1 install --no-build-isolation --no-cache-dir onedl-mmcv
else
    step 'mmcv'
    # In pip's isolated build there is no torch, and mmcv leaves its compiled
    # operators out.
    install onedl-mmcv
fi

step 'the other packages'
install --no-build-isolation -r requirements/runtime.txt \
    -r requirements/mminstall.txt -r requirements/optional.txt \
    -r requirements/demo.txt -r requirements/docs.txt \
    -r requirements/tests.txt -r requirements/timm.txt

# Without its dependencies: one of them declares that it refuses the OpenCV of
# the tested set, which it works with (requirements/mmdet.txt).
step 'mmdet'
install --no-deps -r requirements/mmdet.txt

step 'this project'
install --no-deps --no-build-isolation --editable .

step 'check'
(cd / && "$venv/bin/python" -c '
import sys

import projects.scm.register
import mmcv, mmengine, mmpretrain, torch, torchvision

for module in (torch, torchvision, mmengine, mmcv, mmpretrain):
    print(f"  {module.__name__} {module.__version__}")
version = projects.scm.version.__version__
print(f"  projects.scm {version} from {projects.scm.__path__[0]}")
print(f"  Python {sys.version.split()[0]}, CUDA {torch.cuda.is_available()}")
')
fingerprint >"$stamp"
step "done. Activate it with: source $venv/bin/activate"
