#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh FILE.case: runs the tests of one file, in a new empty folder.
#
#   + COMMAND     a preparation, which must succeed
#   $ COMMAND     starts a test. The lines after it are its expectations:
#   exit N        the exit status (default: 0)
#   out REGEX     a line of standard output matches (grep -E); no-out: no line matches
#   err REGEX     a line of standard error matches. Without an err line, standard error must be empty
#   # ...         a comment
#
# The environment: PATH finds clxent and cli_files, and CASES is the folder of the reference cases.
set -u
file=$1
said=${CLXENT_TEST_MESSAGES:-} # a file for the tool's messages, for tests/messages
[ -z "$said" ] || : >"$said"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
mkdir "$work/in"
tests=0 failures=0 command='' expectations="$work/expectations"

fail() {
    failures=$((failures + 1))
    printf '%s: %s\n  $ %s\n' "$(basename "$file")" "$1" "$command"
    sed 's/^/  | /' "$work/out" "$work/err"
}

check() { # KIND ARGUMENT
    case $1 in
    out) grep -E -q -e "$2" "$work/out" || fail "no line of standard output matches: $2" ;;
    no-out) grep -E -q -e "$2" "$work/out" && fail "a line of standard output matches: $2" ;;
    err) grep -E -q -e "$2" "$work/err" || fail "no line of standard error matches: $2" ;;
    esac
}

finish() { # runs the test that was read last, if any
    [ -n "$command" ] || return 0
    tests=$((tests + 1))
    (cd "$work/in" && sh -c "$command") >"$work/out" 2>"$work/err.all" </dev/null
    status=$?
    [ -z "$said" ] || cat "$work/err.all" >>"$said"
    grep -v '^MESA: ' "$work/err.all" >"$work/err" # Mesa's driver prints these
    wanted=$(sed -n 's/^exit //p' "$expectations")
    [ "$status" -eq "${wanted:-0}" ] || fail "exit status $status, expected ${wanted:-0}"
    if grep -q '^err ' "$expectations"; then
        :
    elif [ "${wanted:-0}" -ne 0 ]; then
        fail "this test fails by design but expects no message: add an err line"
    elif [ -s "$work/err" ]; then
        fail "standard error is not empty"
    fi
    while IFS= read -r expectation; do
        check "${expectation%% *}" "${expectation#* }"
    done <"$expectations"
    command=''
}

while IFS= read -r line; do
    case $line in
    '+ '*)
        finish
        (cd "$work/in" && sh -c "${line#+ }") || { echo "preparation failed: $line"; failures=$((failures + 1)); }
        ;;
    '$ '*)
        finish
        command=${line#??}
        : >"$expectations"
        ;;
    'exit '* | 'out '* | 'no-out '* | 'err '*) printf '%s\n' "$line" >>"$expectations" ;;
    '' | '#'*) ;;
    *)
        echo "$file: cannot read: $line"
        exit 1
        ;;
    esac
done <"$file"
finish

echo "$tests tests, $failures failures"
[ "$tests" -gt 0 ] && [ "$failures" -eq 0 ]
