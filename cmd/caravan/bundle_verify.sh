#!/bin/sh
# Runs the sweep of this folder again and compares the hash of every file.
#
#   ./verify.sh [CARAVAN]    the program; caravan on PATH unless said otherwise
set -eu
caravan=${1:-caravan}
case $caravan in
  */*) caravan=$(cd "$(dirname "$caravan")" && pwd)/$(basename "$caravan") ;;
esac
cd "$(dirname "$0")"
here=$(pwd)
if command -v sha256sum > /dev/null; then sums="sha256sum"; else sums="shasum -a 256"; fi
$sums --check --quiet SHA256SUMS
echo "The files are as they were written."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$caravan" sweep sweep.json --store "$scratch/sweeps.db" > "$scratch/sweep.txt"
"$caravan" bundle latest --store "$scratch/sweeps.db" --width WIDTH --out "$scratch/again" > "$scratch/bundle.txt"
cd "$scratch/again"
if ! cmp -s versions.json "$here/versions.json"; then
  echo "Note: this is another build of caravan, or of Go, than the one in versions.json."
fi
grep -v '  versions\.json$' "$here/SHA256SUMS" > "$scratch/SHA256SUMS"
if ! $sums --check --quiet "$scratch/SHA256SUMS"; then
  echo "Some files were not made again as they are." >&2
  exit 1
fi
echo "All $(wc -l < "$scratch/SHA256SUMS" | tr -d ' ') files were made again, with the same hashes."
