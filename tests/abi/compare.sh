#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compare.sh OLD NEW LIBRARY GROWN
#
# OLD is the program compiled with the kept headers, NEW the one compiled with the grown headers. LIBRARY and GROWN are
# folders, each with a library; the structs of the library in GROWN have more fields. Both programs must print the same
# with both libraries. If NEW sets the additional fields, the library in LIBRARY must refuse them.
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
