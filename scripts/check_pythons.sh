#!/usr/bin/env bash
# Check that a built wheel works on several Python versions, each with the newest dependencies.
#
#     scripts/check_pythons.sh [--quick] [--newest | PYTHON...]
#
# Each interpreter gets its own environment in a temporary folder. The wheel is installed there, then
# `doctor`, `demo` and the fast tests run. Without arguments, every Python from 3.10 to 3.14 on PATH or under
# pyenv is checked, or only the last of them with --newest; a missing one is reported and skipped. --quick leaves
# out the tests, which come from the sdist.
#
# Environment variables:
#     TORCH_REQUIREMENT   what to install as torch (default: torch), for instance torch==2.13.0
#     TORCH_INDEX         index to take it from, for instance https://download.pytorch.org/whl/cpu
#
# Exit code: 0 if all works, 1 if something failed, 2 if an interpreter or option is unknown.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
quick=no
newest=no
pythons=()

for argument in "$@"; do
    case $argument in
        --quick) quick=yes ;;
        --newest) newest=yes ;;
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"; exit 0 ;;
        -*) echo "unknown option $argument; see --help" >&2; exit 2 ;;
        *) pythons+=("$argument") ;;
    esac
done

# Prints the path of an interpreter: the command if it runs, else the newest such version under pyenv.
find_python() {
    if "$1" -c "" 2> /dev/null; then
        command -v "$1"
    else
        ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/${1#python}".*/bin/python 2> /dev/null | sort -V | tail -n 1
    fi
}

found=()
if [ ${#pythons[@]} -gt 0 ]; then
    for python in "${pythons[@]}"; do
        path=$(find_python "$python" || true)
        [ -n "$path" ] || { echo "$python: not found" >&2; exit 2; }
        found+=("$path")
    done
else
    for version in 3.10 3.11 3.12 3.13 3.14; do
        path=$(find_python "python$version" || true)
        if [ -n "$path" ]; then
            found+=("$path")
        else
            echo "Python $version: not found, skipped"
        fi
    done
    [ ${#found[@]} -gt 0 ] || { echo "no Python from 3.10 to 3.14 was found" >&2; exit 2; }
    [ "$newest" = no ] || found=("${found[${#found[@]}-1]}")
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
unset PYTHONPATH

# Runs a step quietly and prints how it went; its output is shown if it fails. The steps below join their
# commands with &&, because bash ignores `set -e` in functions called from a condition.
step() {
    local name=$1 log start=$SECONDS
    shift
    log=$(mktemp "$work/log.XXXXXX")
    if "$@" > "$log" 2>&1; then
        echo "    ok    $name ($((SECONDS - start)) s)"
    else
        echo "    FAIL  $name ($((SECONDS - start)) s)"
        tail -n 60 "$log" | sed 's/^/          /'
        return 1
    fi
}

# Built from the sdist, so that no stale file of the source tree gets into the wheel.
build_wheel() {
    "${found[0]}" -m venv "$work/build" &&
        "$work/build/bin/pip" install --quiet build &&
        "$work/build/bin/python" -m build --outdir "$work/dist" "$root"
}

install_wheel() {
    local pip=$work/env/bin/pip
    local index=${TORCH_INDEX:+--index-url=$TORCH_INDEX}
    "$1" -m venv "$work/env" &&
        "$pip" install --quiet --upgrade pip &&
        "$pip" install --quiet ${index:+"$index"} "${TORCH_REQUIREMENT:-torch}" &&
        "$pip" install --quiet "$(ls "$work"/dist/*.whl)[test]" &&
        "$pip" check
}

run_demo() {
    "$work/env/bin/lsmplify-refine" demo --output demo &&
        test -s demo/hmr4d_results_refined.pt &&
        test -s demo/hmr4d_results_comparison.mp4 &&
        test -s demo/hmr4d_results_report.json
}

# The sdist's own tests, without the package beside them, so that the wheel is tested. Left out are those that run
# whole commands and evaluations over and over: they depend on the system more than on the version of Python.
run_tests() {
    mkdir source &&
        tar -xzf "$(ls "$work"/dist/*.tar.gz)" -C source --strip-components 1 &&
        rm -r source/lsmplify_refine source/adapters &&
        cd source &&
        "$work/env/bin/pytest" -q -p no:cacheprovider -n auto --maxprocesses 4 \
            --ignore tests/acceptance --ignore tests/evaluate
}

# One interpreter; all steps are tried even if one fails.
check() {
    local failed=0
    step "install with the newest dependencies" install_wheel "$1" || return 1
    "$work/env/bin/pip" list 2> /dev/null | grep -iE '^(av|numpy|opencv[a-z-]*|pyrender|torch|trimesh) ' | sed 's/^/          /'
    step "doctor" "$work/env/bin/lsmplify-refine" doctor || failed=1
    step "demo" run_demo || failed=1
    [ "$quick" = yes ] || step "tests" run_tests || failed=1
    return $failed
}

echo "building"
step "wheel and sdist" build_wheel
failures=()
for python in "${found[@]}"; do
    echo "$("$python" --version) ($python)"
    mkdir "$work/place"
    (cd "$work/place" && check "$python") || failures+=("$("$python" --version)")
    rm -rf "$work/env" "$work/place"
done

if [ ${#failures[@]} -gt 0 ]; then
    printf 'does not work: %s\n' "${failures[@]}"
    exit 1
fi
echo "works on: ${found[*]}"
