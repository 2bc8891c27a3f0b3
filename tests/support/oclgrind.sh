#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   oclgrind.sh LOG PROGRAM [ARGUMENT...]
#
# Runs a program under Oclgrind, and fails if Oclgrind finds an error. (Oclgrind itself only writes to its log, and lets
# the program succeed.) All its checks are on, except those that the environment turns off (OCLGRIND_DATA_RACES=0).
set -u
log=$1
shift
rm -f "$log"
OCLGRIND_LOG=$log
: "${OCLGRIND_DATA_RACES:=1}" "${OCLGRIND_UNINITIALIZED:=1}"
export OCLGRIND_LOG OCLGRIND_DATA_RACES OCLGRIND_UNINITIALIZED
"$@"
status=$?
if [ -s "$log" ]; then
    echo "Oclgrind reports, in $log:"
    head -n 60 "$log"
    [ "$status" -ne 0 ] || status=1
fi
exit "$status"
