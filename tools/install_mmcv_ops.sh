#!/usr/bin/env bash
# Install mmcv with its compiled operators into the current environment.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python}
jobs=
cpu=0
force=0

usage() {
    cat <<EOF
Usage: bash tools/install_mmcv_ops.sh [--python PYTHON] [--jobs N] [--cpu]
                                      [--force]

Builds onedl-mmcv with the operators that mmdet's detectors need and replaces
the installed one by it; nothing is done where the operators are there. Most of
the time goes into reading the headers of torch 80 times, so they are compiled
once, beforehand: about 4 minutes on two cores instead of 27.

  --python PYTHON  of the environment to install into (default: python)
  --jobs N         compilers at a time (default: the number of cores; each
                   takes about 1 GB of memory)
  --cpu            leave the CUDA kernels out although torch has CUDA
  --force          build even where the operators are there

Needs half a gigabyte in \${TMPDIR:-/tmp}, a C++ compiler (\$CXX, or c++) and,
where torch has CUDA, the CUDA toolkit of the same version (\$CUDA_HOME, or nvcc
on the path).
EOF
}

die() {
    echo "ERROR: $*" >&2
    exit 1
}

step() { printf '\n[%4d s] %s\n' "$SECONDS" "$*"; }

while [ $# -gt 0 ]; do
    case $1 in
        --python | --jobs)
            [ $# -ge 2 ] || die "$1 needs a value"
            if [ "$1" = --python ]; then python=$2; else jobs=$2; fi
            shift 2
            ;;
        --cpu) cpu=1 && shift ;;
        --force) force=1 && shift ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && die "unknown argument: $1" ;;
    esac
done
[[ ${jobs:-1} =~ ^[1-9][0-9]*$ ]] || die "--jobs: not a number: $jobs"
found=$(command -v "$python") || die "no such Python: $python"
# It is called from other folders.
case $found in */*) python=$(cd "$(dirname "$found")" && pwd)/${found##*/} ;; esac
jobs=${jobs:-$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)}

# From a folder where no `mmcv` lies about.
py() { (cd / && "$python" "$@"); }

ops_work() { py -c 'import torch, mmcv._ext' 2>/dev/null; }

if [ $force = 0 ] && ops_work; then
    echo "mmcv $(py -c 'import mmcv; print(mmcv.__version__)') has its" \
        "compiled operators: nothing to do."
    exit 0
fi

for module in torch setuptools wheel ninja; do
    py -c "import $module" 2>/dev/null ||
        die "$module is not installed for $python, and the build needs it:" \
            "$python -m pip install $module"
done
if py -c 'import importlib.metadata as m; m.version("mmcv")' 2>/dev/null; then
    die "this environment holds mmcv of the upstream line, which owns the" \
        "same folder: $python -m pip uninstall mmcv"
fi
cxx=${CXX:-c++}
command -v "$cxx" >/dev/null ||
    die "no C++ compiler ($cxx) is on the path (on Debian and Ubuntu:" \
        "apt install g++)"

with_cuda=0
if [ $cpu = 0 ] && py -c 'import sys, torch; sys.exit(not torch.version.cuda)'
then
    with_cuda=1
    [ -x "${CUDA_HOME:-}/bin/nvcc" ] || command -v nvcc >/dev/null ||
        die "torch has CUDA, but there is no nvcc to compile the kernels with:" \
            "set CUDA_HOME, or leave them out with --cpu"
fi

# The version that was tested.
requirement=$(grep -o '^onedl-mmcv==[0-9.]*' \
    "$root/requirements/constraints.txt") ||
    die "no onedl-mmcv in $root/requirements/constraints.txt"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The flags of the build have to be those of the precompiled header, or the
# compiler does not use it. mmcv adds -std=c++17 and the TORCH_… macros again.
flags="-DNDEBUG -g0 -O2 -w -fPIC -std=c++17 -DTORCH_API_INCLUDE_EXTENSION_H"
flags="$flags -DTORCH_EXTENSION_NAME=_ext"

precompile() {
    local folder opened
    local includes=()
    while IFS= read -r folder; do includes+=(-isystem "$folder"); done < <(
        py -c 'from torch.utils.cpp_extension import include_paths
print(*include_paths(), sep="\n")' 2>/dev/null
    )
    echo '#include <torch/types.h>' >"$work/mmcv_torch.h"
    # shellcheck disable=SC2086  # a list of flags
    "$cxx" $flags "${includes[@]}" -x c++-header "$work/mmcv_torch.h" \
        -o "$work/mmcv_torch.h.gch" || return
    # "!" is how GCC tells that it took the precompiled header.
    # shellcheck disable=SC2086
    opened=$("$cxx" $flags -include "$work/mmcv_torch.h" -H -fsyntax-only \
        -x c++ /dev/null 2>&1) || return
    [[ $opened == "! "*mmcv_torch.h.gch* ]]
}

step "the headers of torch, with $("$cxx" --version | head -n 1)"
if precompile; then
    flags="$flags -include $work/mmcv_torch.h"
else
    echo 'This compiler takes no precompiled header; the build will take long.'
fi

step "$requirement, $jobs at a time, CUDA kernels: $with_cuda"
export MMCV_WITH_OPS=1 FORCE_CUDA=$with_cuda MAX_JOBS=$jobs
export CC="${CC:-cc}" CXX=$cxx CFLAGS=$flags CXXFLAGS=$flags
[ $with_cuda = 1 ] || export CUDA_VISIBLE_DEVICES=
# No cache: it may hold a build without operators.
py -m pip install --disable-pip-version-check --no-build-isolation \
    --no-cache-dir --no-deps --force-reinstall "$requirement"
# What it depends on, if mmcv was not installed before.
py -m pip install --disable-pip-version-check "$requirement"

ops_work || {
    py -c 'import torch, mmcv._ext' || true
    die "mmcv was installed, but its operators do not load"
}
step 'done: mmcv has its compiled operators'
