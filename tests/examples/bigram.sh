#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bigram.sh PROGRAM SOURCE: training must start at ln 256 and end at the text's entropy, for a text of one block and for
# a text of two. awk computes the entropy a second time. PROGRAM must refuse bad files by name.
set -eu
program=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "bigram.sh: $*" >&2; exit 1; }

# H(next | previous) of a file, in nats.
entropy() {
    od -An -v -tu1 "$1" | tr -s ' ' '\n' | grep . | awk '
        NR > 1 { pairs[previous, $1 + 0]++; count[previous]++ }
        { previous = $1 + 0 }
        END {
            for (pair in pairs) { split(pair, part, SUBSEP); sum += pairs[pair] * log(count[part[1]] / pairs[pair]) }
            printf "%.4f", sum / (NR - 1)
        }'
}

# trains FILE [ARGUMENT]: the program, given ARGUMENT, trains on FILE.
trains() {
    expected=$(entropy "$1")
    "$program" ${2:+"$2"} >"$work/output" || fail "$1: exit status $?: $(cat "$work/output")"
    cat "$work/output"
    awk -v expected="$expected" '
        $1 == "step" && $2 == 0 { start = $4 }
        $1 == "loss" { loss = $2 }
        $1 == "entropy" { entropy = $2 }
        END { exit !(start == "5.5452" && entropy == expected && loss - entropy < 0.01 && entropy - loss < 0.0002) }
    ' "$work/output" || fail "$1: expected to start at 5.5452 and to end within 0.01 of $expected"
    grep -q '^reached' "$work/output" || fail "$1: does not say that it got there"
}
# CLXENT_TEST_EFFORT keeps the suite small: then the beginning of the example's own text is enough.
if [ -n "${CLXENT_TEST_EFFORT:-}" ]; then
    head -c 4096 "$source/LICENSE" >"$work/shorter"
    trains "$work/shorter" "$work/shorter"
else
    trains "$source/LICENSE"
    cat "$source/LICENSE" "$source/LICENSE" >"$work/longer"
    [ "$(wc -c <"$work/longer")" -gt 16384 ] || fail "the longer text fits one block"
    trains "$work/longer" "$work/longer"
fi

refuses() {
    if "$program" "$1" >"$work/output" 2>"$work/errors"; then fail "accepts $1"; fi
    grep -q "$1: .*$2" "$work/errors" || fail "$1: the message is: $(cat "$work/errors")"
}
printf 'x' >"$work/one_byte"
refuses "$work/one_byte" '1 bytes'
refuses "$work/absent" 'No such file'
