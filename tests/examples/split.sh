#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# split.sh PROGRAM SOURCE: PROGRAM must print the right loss, ranks and gradient of its two rows. awk computes the
# expected figures from the formulas, in double precision; it shares no code with the library. The manual's page in
# SOURCE must quote the program as it is.
set -eu

output=$("$1")
echo "$output"
echo "$output" | awk '
function row(text, target,    x, k, sum) {
    split(text, x, " ")
    for (k = 1; k <= 6; k++) sum += exp(x[k])
    loss += (log(sum) - x[target + 1]) / 2
    for (k = 1; k <= 6; k++) grad[rows, k] = (exp(x[k]) / sum - (k == target + 1)) / 2
    for (k = 1; k <= 6; k++) rank[rows] += x[k] > x[target + 1]
    rows++
}
function same(got, expected, bound) {
    checked++
    if (got - expected > bound || expected - got > bound) {
        printf "split.sh: line %d: %s, expected %.7f\n", NR, got, expected
        bad = 1
    }
}
BEGIN { row("2 1 0.5 -1 0 1", 0); row("0 3 0 2.5 0 2", 5) }
$1 == "loss" { same($2, loss, 2e-6) }
$1 == "rank" { same($2, rank[seen], 0) }
$1 == "grad" { for (k = 1; k <= 6; k++) same($(k + 1), grad[seen, k], 2e-6); seen++ }
END { if (checked != 15) print "split.sh: " checked " figures, expected 15"; exit bad || checked != 15 }'

page=$2/host/doc/manual/split-vocabulary.md
quoted=$(awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$page")
program=$(awk '/^#include/ { found = 1 } found' "$2/host/examples/split.c")
[ "$quoted" = "$program" ] || { echo "split.sh: $page does not quote host/examples/split.c as it is" >&2; exit 1; }
