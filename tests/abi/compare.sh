#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compare.sh OLD NEW LIBRARY GROWN: OLD and NEW, the program compiled with the kept and with the grown headers, print
# the same with the library in folder LIBRARY and the one in folder GROWN, whose structs have more fields; and NEW, setting
# those, is refused by the one that does not have them.
set -eu
old=$1 new=$2 library=$3 grown=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "compare.sh: $*" >&2; exit 1; }

LD_LIBRARY_PATH=$library "$old" >"$work/expected" || { cat "$work/expected"; fail "the program fails"; }
cat "$work/expected"
[ "$(grep -c 'CLXENT_OK$' "$work/expected")" -ge 9 ] || fail 'the program has not done its work'
check() {
    LD_LIBRARY_PATH=$1 "$2" >"$work/got" || { cat "$work/got"; fail "$2 fails with the library in $1"; }
    diff "$work/expected" "$work/got" || fail "$2 prints something else (>) with the library in $1"
}
check "$grown" "$old"
check "$grown" "$new"
check "$library" "$new"

LD_LIBRARY_PATH=$library "$new" unknown >"$work/got" || fail 'NEW, setting unknown fields, fails'
sed -n "$(($(wc -l <"$work/expected") + 1)),\$p" "$work/got" >"$work/unknown"
cat "$work/unknown"
for struct in ctx_options desc scalars arrays buffers; do
    grep -q "^clxent_$struct: CLXENT_ERR_ARGUMENT" "$work/unknown" || fail "an unknown field of clxent_$struct is taken"
    grep -q "^clxent_$struct.struct_size is .*leave it 0" "$work/unknown" || fail "no message names clxent_$struct's size"
done
