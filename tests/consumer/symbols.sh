#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# symbols.sh HEADERS LIST SHARED STATIC
#
# The shared library must export exactly the functions that the public headers declare. LIST must name the same
# functions, so that a reviewer sees when they change. The shared library must have a SONAME. Every global name that the
# static library adds to a program must begin with the project's prefix.
set -eu
headers=$1 list=$2 shared=$3 static=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C # one sort order

sed -n 's/^CLXENT_API .*[ *]\(clxent_[a-z0-9_]*\)(.*/\1/p' "$headers"/*.h | sort >"$work/declared"
nm -D --defined-only "$shared" | awk '{ print $NF }' | sed 's/@.*//' | sort >"$work/exported"
grep -v '^#' "$list" >"$work/listed"

diff "$work/listed" "$work/declared" || { echo "symbols.sh: $list (<) and the headers (>) differ" >&2; exit 1; }
diff "$work/listed" "$work/exported" || { echo "symbols.sh: $list (<) and $shared (>) differ" >&2; exit 1; }

version() { sed -n "s/^#define CLXENT_VERSION_$1 //p" "$headers/clxent.h"; }
soversion=$(version MAJOR)
[ "$soversion" != 0 ] || soversion=0.$(version MINOR)
readelf -d "$shared" | grep "SONAME.*\[libclxent\.so\.$(echo "$soversion" | sed 's/\./\\./')\]" ||
    { echo "symbols.sh: $shared has no SONAME libclxent.so.$soversion" >&2; exit 1; }

nm -g --defined-only "$static" | awk 'NF == 3 { print $3 }' | grep -v -e '^clxent_' -e '^clx_' &&
    { echo "symbols.sh: the names above are global in $static" >&2; exit 1; }
echo "$(wc -l <"$work/listed") functions"
