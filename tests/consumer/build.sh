#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.sh FORM WORK PREFIX PROJECT SOURCE CC CMAKE PKG_CONFIG: builds PROJECT in WORK/FORM by the way that
# FORM names, against the clxent installed in PREFIX (FORM subproject: with the one in SOURCE), and runs it.
# FORM tool runs the installed tool.
set -eu

form=$1 work=$2 prefix=$3 project=$4 source=$5 cc=$6 cmake=$7 pkg_config=$8
folder=$work/$form
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"

library_folder=$(dirname "$(find "$prefix" -name libclxent.a)")
export PKG_CONFIG_PATH="$library_folder/pkgconfig"
# The shared library stands in no system folder here; a user's rpath or ldconfig does this.
run_shared() { LD_LIBRARY_PATH="$library_folder" ./consumer; }
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
    # shellcheck disable=SC2046 # flags are words
    "$cc" -std=c11 "$project/main.c" -o consumer $("$pkg_config" --cflags --libs clxent) -lm
    run_shared
    ;;
pkg-config-static)
    # The linker prefers a shared library, so the static one stands alone here: in a second, moved copy of
    # the installation, which the .pc file has to find by itself.
    cp -R "$prefix" moved
    rm -f moved"${library_folder#"$prefix"}"/libclxent.so*
    export PKG_CONFIG_PATH="$folder/moved${library_folder#"$prefix"}/pkgconfig"
    # shellcheck disable=SC2046 # flags are words
    "$cc" -std=c11 "$project/main.c" -o consumer $("$pkg_config" --static --cflags --libs clxent)
    run_alone
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
