#!/bin/sh
# Builds sql.wasm, the engine behind revisions written in plain SQL, from sql/. Run it after a change there or in
# wit/, and commit the result: the host carries it, so that a machine needs no Rust to write SQL revisions.
# Needs the target wasm32-unknown-unknown and `wasm-tools` (cargo install --locked wasm-tools@1.254.0).
set -eu
cd "$(dirname "$0")"

# The same bytes on every machine: no path of this one is left in them.
here=$(pwd -P)
unit=$(printf '\037')
CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$here=engines$unit--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
export CARGO_ENCODED_RUSTFLAGS
target=${CARGO_TARGET_DIR:-$here/../../target/engines}
cargo build --locked --release --manifest-path sql/Cargo.toml --target wasm32-unknown-unknown --target-dir "$target"

wasm-tools component new "$target/wasm32-unknown-unknown/release/wmigrate_engine_sql.wasm" -o sql.wasm
wasm-tools validate sql.wasm
wc -c sql.wasm
