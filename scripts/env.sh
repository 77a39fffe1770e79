# Sourced by the scripts beside it: finds a Python, makes the virtual environment a lock file describes, says what it does.
#   make_environment LOCK_FILE NAME   sets $python, the interpreter of .venv/NAME-<version>

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

find_python() {
    local candidate
    for candidate in ${CLOUDLET_PYTHON:+"$CLOUDLET_PYTHON"} python3.13 python3.12 python3.11 python3.14 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        elif [ "$candidate" = "${CLOUDLET_PYTHON:-}" ]; then
            say "CLOUDLET_PYTHON=$candidate does not run Python 3.11 to 3.14 (it says: $("$candidate" --version 2>&1 | head -n 1))."
            exit 1
        fi
    done
    say "Cloudlet needs Python 3.11, 3.12, 3.13 or 3.14; found: $(python3 --version 2>&1 | head -n 1)."
    say "Python newer than 3.14 is not supported yet: the storage engine has no wheel for it."
    say "Install one (Debian: 'apt install python3 python3-venv'; others: python.org), or name it: CLOUDLET_PYTHON=/path/to/python3.12"
    exit 1
}

make_environment() {
    mkdir -p "$root/.venv"
    if command -v flock >/dev/null; then # two at once would make the same environment
        exec 9>"$root/.venv/$2.lock"
        flock 9
    fi
    make_environment_alone "$@"
    exec 9>&-
}

make_environment_alone() {
    local lock=$root/$1 base_python stamp_wanted directory stamp
    base_python=$(find_python) || exit 1
    directory=$root/.venv/$2-$("$base_python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    python=$directory/bin/python
    stamp=$directory/lock.stamp
    stamp_wanted=$(cksum <"$lock")
    [ -x "$python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$stamp_wanted" ] && return
    if ! "$base_python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        say "$base_python has no 'venv'. Install it (Debian and Ubuntu: 'apt install python3-venv') and run this again."
        exit 1
    fi
    say "Making a virtual environment for $("$base_python" --version) in $directory …"
    rm -rf "$directory"
    "$base_python" -m venv "$directory" || exit 1
    say "Installing $(grep -c '==' "$lock") pinned packages from $1 (about a minute the first time) …"
    local output
    output=$("$python" -m pip --disable-pip-version-check --quiet install --only-binary :all: --require-hashes -r "$lock" 2>&1) || {
        say "$output"
        say "The packages could not be installed: see the lines above. A package index must be reachable the first time."
        exit 1
    }
    "$python" -c 'import site, sys; open(site.getsitepackages()[0] + "/cloudlet.pth", "w").write(sys.argv[1] + "\n")' "$root"
    printf '%s' "$stamp_wanted" >"$stamp"
}
