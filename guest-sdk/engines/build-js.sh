#!/bin/sh
# Rebuilds js.wasm, the engine component for revisions in JavaScript, from ../js and ../../wit. Needs Node.js 18 or later and npm.
# The compiler's version and digest are pinned in ../js/package-lock.json; nothing is left behind but js.wasm.
#
# Two builds differ in some hundred bytes (the compiler's snapshot holds random seeds), so a rebuild gives another digest and with
# it other compile cache keys. Rebuild only when the source, the contract or the compiler has changed, and commit the result.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$here/../js/package.json" "$here/../js/package-lock.json" "$work"
# `install` and not `ci`, which insists on lock entries for platforms that are published nowhere; what is in the lock is still checked
# against its digest. No install scripts: the compiler is one prebuilt library.
(cd "$work" && npm install --ignore-scripts --no-audit --no-fund --loglevel=error)

# --sync: the contract has no async functions. Without --opt-size, which saves half a megabyte and half again the time of a transform.
"$work/node_modules/.bin/componentize-qjs" --sync \
  --wit "$here/../../wit/0.1.0" --world backfilling-revision \
  --js "$here/../js/engine.js" --module-root "$here/../js" \
  --output "$work/js.wasm"
# The compiler's own panic messages name the folders of whoever built it, which belong to nobody here. The same length keeps every
# offset.
perl -pi -e 's{/home/[^/]+/[.]cargo/(?:registry/src/[a-z.]+-[0-9a-f]+|git/checkouts/[^/]+/[^/]+)}{"/" . "_" x (length($&) - 1)}ge' "$work/js.wasm"
mv "$work/js.wasm" "$here/js.wasm"
