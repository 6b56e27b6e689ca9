#!/bin/sh
# Builds the engine component for revisions in Python from ../python and ../../wit into the file that is named: the same bytes each time, on
# any machine. Needs Linux, a C compiler and Python 3.10 or later with pip; takes about a minute, most of it for the compiler's own start.
#
#     guest-sdk/engines/build-python.sh python.wasm
#
# The compiler runs the engine until everything is imported, and takes a snapshot of its memory. With it go the seed of Python's hashes,
# times and numbers of files and the order of folders, wherever they have left a trace; so it runs in a world that stands still, which
# still.c makes.
set -eu
[ $# -eq 1 ] || { echo "usage: build-python.sh OUT" >&2; exit 2; }
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
  -r "$here/build-python.txt"
"${CC:-cc}" -O1 -o "$work/still" "$here/still.c"

# A copy, since the interpreter in the component leaves compiled files beside what it imports, and would find them the next time.
mkdir -p "$work/source/wmigrate_engine"
cp "$here/../python/engine.py" "$here/../python/wmigrate.py" "$work/source"
cp "$here/../python/wmigrate_engine/"*.py "$work/source/wmigrate_engine"
# The compiler adds the packages of the environment that it believes to run in: an empty one.
mkdir -p "$work/nothing/lib/site-packages"

VIRTUAL_ENV="$work/nothing" "$work/still" "$work/tools/bin/componentize-py" --quiet \
  --wit-path "$here/../../wit/0.1.0" --world backfilling-revision \
  componentize engine --python-path "$work/source" --output "$work/python.wasm"
mv "$work/python.wasm" "$1"
