#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs a program in several processes at once. Fails if one of them fails.
#   together.sh PROCESSES PROGRAM [ARGUMENT...]
set -u
processes=$1
shift
pids=
i=0
while [ $i -lt "$processes" ]; do
    "$@" &
    pids="$pids $!"
    i=$((i + 1))
done
failed=0
for pid in $pids; do
    wait "$pid" || { echo "process $pid: exit status $?"; failed=$((failed + 1)); }
done
echo "$processes processes at once, $failed failed"
[ $failed -eq 0 ]
