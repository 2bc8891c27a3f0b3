#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.sh FORM WORK PREFIX PROJECT SOURCE CC CMAKE PKG_CONFIG
#
# Builds PROJECT in WORK/FORM in the way that FORM names, against the clxent installed in PREFIX, and runs it. FORM
# subproject builds the clxent in SOURCE instead. FORM tool runs the installed tool. FORM without-cmocka configures
# SOURCE as the README does, where cmocka is missing.
set -eu

form=$1 work=$2 prefix=$3 project=$4 source=$5 cc=$6 cmake=$7 pkg_config=$8
folder=$work/$form
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"

library_folder=$(dirname "$(find "$prefix" -name libclxent.a)")
export PKG_CONFIG_PATH="$library_folder/pkgconfig"
# A program linked statically must run without any libclxent.so.
run_alone() {
    if readelf -d consumer | grep 'NEEDED.*clxent'; then
        echo "build.sh: consumer still needs the shared library" >&2
        exit 1
    fi
    ./consumer
}
with_cmake() {
    "$cmake" -S "$project" -B . -D CMAKE_C_COMPILER="$cc" -D CMAKE_BUILD_TYPE=Release "$@"
    "$cmake" --build .
}

case $form in
cmake-shared)
    with_cmake -D CMAKE_PREFIX_PATH="$prefix" -D FORM=clxent
    readelf -d consumer | grep 'NEEDED.*clxent' # the default form is the shared one
    ./consumer # CMake wrote an rpath
    ;;
cmake-static)
    with_cmake -D CMAKE_PREFIX_PATH="$prefix" -D FORM=static
    run_alone
    ;;
pkg-config-shared)
    # The command of host/doc/manual/build.md for a library that is in no system folder.
    # shellcheck disable=SC2046 # flags are words
    "$cc" -std=c11 "$project/main.c" -o consumer $("$pkg_config" --cflags --libs clxent) -lm \
        "-Wl,-rpath,$("$pkg_config" --variable=libdir clxent)"
    readelf -d consumer | grep 'NEEDED.*clxent' # the default form is the shared one
    ./consumer
    ;;
pkg-config-static)
    # The test uses a moved copy of the installation: the .pc file must find its own folder. The folder has both
    # libraries, because the linker prefers a shared library to a static one of the same name beside it. The command
    # names the C library behind clxent; the program must get the shared C library, as any other program does.
    cp -R "$prefix" moved
    library_folder=$folder/moved${library_folder#"$prefix"}
    export PKG_CONFIG_PATH="$library_folder/pkgconfig"
    ls "$library_folder/libclxent.so" "$library_folder/libclxent.a"
    # shellcheck disable=SC2046 # flags are words
    "$cc" -std=c11 "$project/main.c" -o consumer $("$pkg_config" --static --cflags --libs clxent)
    readelf -d consumer | grep 'NEEDED.*libc\.'
    run_alone
    # A program without any shared library, if the C library allows that.
    if echo 'int main(void) { return 0; }' | "$cc" -static -x c - -o nothing; then
        # shellcheck disable=SC2046 # flags are words
        "$cc" -std=c11 -static "$project/main.c" -o alone $("$pkg_config" --static --cflags --libs clxent)
        if readelf -d alone | grep NEEDED; then exit 1; fi
    fi
    ;;
without-cmocka)
    # The README's command, on a machine that has the packages of ci/demo but no cmocka. (CMake does not search for a
    # library whose path is set, even if it is set to nothing.)
    configure() { "$cmake" -S "$source" -D CMAKE_C_COMPILER="$cc" -D CLXENT_CMOCKA_LIBRARY= "$@"; }
    configure -B default >default.log 2>&1 || { cat default.log >&2; exit 1; }
    grep 'The tests are not built: no cmocka (Debian, Ubuntu: libcmocka-dev)' default.log
    test ! -e default/tests/CTestTestfile.cmake
    if configure -B asked -D CLXENT_BUILD_TESTS=ON >asked.log 2>&1; then
        echo "build.sh: tests that were asked for are left out without cmocka" >&2
        exit 1
    fi
    grep 'libcmocka, which the tests need, are missing' asked.log
    ;;
tool)
    version=$("$prefix/bin/clxent" --version)
    header=$(sed -n 's/^#define CLXENT_VERSION_[A-Z]* //p' "$prefix/include/clxent/clxent.h" | paste -sd.)
    [ "$version" = "clxent $header" ] || { echo "build.sh: tool is '$version', header is $header" >&2; exit 1; }
    ;;
subproject)
    with_cmake -D SOURCE="$source" -D FORM=clxent
    ./consumer
    ;;
*)
    echo "build.sh: unknown form $form" >&2
    exit 1
    ;;
esac
