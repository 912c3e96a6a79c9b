# Sourced by serve, test and check (POSIX sh): finds a Python, and has environment.py make `.venv` right.
# Not here: what gets installed (environment.py reads pyproject.toml) and where a browser is found (browser.py).
#
# ANTIPHON_PYTHON=/path/to/python  makes .venv from that interpreter, and from no other.

ROOT=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")

# A name on PATH is not yet an interpreter: version managers leave stand-ins that only print an error. So each is run.
is_usable_python() {
    "$1" -I -S -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${ANTIPHON_PYTHON:-}" ]; then
        if is_usable_python "$ANTIPHON_PYTHON"; then
            PYTHON=$ANTIPHON_PYTHON
            return 0
        fi
        echo "antiphon: ANTIPHON_PYTHON=$ANTIPHON_PYTHON is not a Python 3.11, 3.12 or 3.13." >&2
        return 1
    fi
    for PYTHON in python3 python3.13 python3.12 python3.11 "$ROOT/.venv/bin/python"; do
        if is_usable_python "$PYTHON"; then
            return 0
        fi
    done
    echo "antiphon: this needs Python 3.11, 3.12 or 3.13, and none is on PATH." >&2
    echo "antiphon: on Debian or Ubuntu: apt-get install python3 python3-venv; on macOS: brew install python@3.13;" >&2
    echo "antiphon: or name one: ANTIPHON_PYTHON=/path/to/python3.13 $0" >&2
    return 1
}

# prepare_environment PART...: .venv holds the project with these extras and dependency groups, or the script ends here.
prepare_environment() {
    find_python || exit 1
    # -E and -s: nothing of the caller's PYTHONPATH or user packages gets in.
    "$PYTHON" -E -s "$ROOT/scripts/environment.py" "$@" || exit 1
}
