#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# arrays.sh PROGRAM: PROGRAM must print the right loss and gradient of its two rows. awk computes the expected figures
# from the formulas, in double precision; it shares no code with the library.
set -eu

output=$("$1")
echo "$output"
echo "$output" | awk '
function row(a, b, c, d, target,    x, k, sum) {
    x[0] = a; x[1] = b; x[2] = c; x[3] = d
    for (k = 0; k < 4; k++) sum += exp(x[k])
    loss += (log(sum) - x[target]) / 2
    for (k = 0; k < 4; k++) grad[rows, k] = (exp(x[k]) / sum - (k == target)) / 2
    rows++
}
function same(got, expected) {
    checked++
    if (got - expected > 2e-6 || expected - got > 2e-6) {
        printf "arrays.sh: line %d: %s, expected %.7f\n", NR, got, expected
        bad = 1
    }
}
BEGIN { row(2, 1, 0.5, -1, 0); row(0, 3, 0, 1, 3) }
$1 == "loss" { same($2, loss) }
$1 == "grad" { for (k = 0; k < 4; k++) same($(k + 2), grad[seen, k]); seen++ }
END { if (checked != 9) print "arrays.sh: " checked " figures, expected 9"; exit bad || checked != 9 }'
