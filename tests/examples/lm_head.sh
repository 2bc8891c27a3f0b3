#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lm_head.sh PROGRAM SOURCE: the model must get below the entropy of the text. PROGRAM must refuse bad files by name.
set -eu
program=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "lm_head.sh: $*" >&2; exit 1; }

text=$source/LICENSE
if [ -n "${CLXENT_TEST_EFFORT:-}" ]; then # a small suite: the beginning of the text is enough
    head -c 4096 "$text" >"$work/shorter"
    text=$work/shorter
fi
"$program" "$text" >"$work/output" || fail "exit status $?: $(cat "$work/output")"
cat "$work/output"
awk '$1 == "loss" { loss = $2 } $1 == "entropy" { entropy = $2 } END { exit !(loss > 0 && loss < entropy) }' \
    "$work/output" || fail "the loss is not below the entropy"
grep -q '^better than any bigram model$' "$work/output" || fail "does not say that it got there"

refuses() {
    if "$program" "$1" >"$work/output" 2>"$work/errors"; then fail "accepts $1"; fi
    grep -q "$1: .*$2" "$work/errors" || fail "$1: the message is: $(cat "$work/errors")"
}
printf 'x' >"$work/one_byte"
refuses "$work/one_byte" '1 bytes'
refuses "$work/absent" 'No such file'
