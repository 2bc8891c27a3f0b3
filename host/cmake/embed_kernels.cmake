# SPDX-License-Identifier: Apache-2.0
# cmake -D FOLDER=kernels -D OUTPUT=kernel_sources.c [-D HEADER=kernel_sources.h -D PREFIX=clx]
#       -P embed_kernels.cmake
#
# Writes every FOLDER/*.cl that holds a kernel, its `#include "..."` lines replaced by the files they name
# (each once), as bytes of a C array; a table of names and arrays, PREFIX_kernel_sources, whose type HEADER
# declares; and a hash of it all. Bytes, since a string literal over 4,095 characters is not portable C.

cmake_policy(VERSION 3.18)
if(NOT HEADER)
  set(HEADER kernel_sources.h)
  set(PREFIX clx)
endif()

function(flatten name out_text)
  get_property(seen GLOBAL PROPERTY flattened)
  if(name IN_LIST seen)
    set(${out_text} "" PARENT_SCOPE)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY flattened ${name})
  file(READ "${FOLDER}/${name}" text)
  while(text MATCHES "#include \"([a-z0-9_./]+\\.(cl|h))\"\n")
    set(line "${CMAKE_MATCH_0}")
    flatten(${CMAKE_MATCH_1} included)
    string(FIND "${text}" "${line}" at)
    string(SUBSTRING "${text}" 0 ${at} before)
    string(LENGTH "${line}" length)
    math(EXPR after_at "${at} + ${length}")
    string(SUBSTRING "${text}" ${after_at} -1 after)
    set(text "${before}${included}${after}")
  endwhile()
  set(${out_text} "${text}" PARENT_SCOPE)
endfunction()

file(GLOB paths RELATIVE "${FOLDER}" "${FOLDER}/*.cl")
set(arrays "")
set(table "")
foreach(path IN LISTS paths)
  set_property(GLOBAL PROPERTY flattened "")
  flatten(${path} text)
  file(READ "${FOLDER}/${path}" own)
  if(own MATCHES "\n(__kernel|kernel) ")
    string(HEX "${text}" hex)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(REPLACE "0x0a," "0x0a,
" bytes "${bytes}") # a line of the file a line
    string(REPLACE ".cl" "" symbol ${path})
    string(APPEND arrays "static const unsigned char ${symbol}_cl[] = {\n${bytes}};\n")
    string(APPEND table "    {\"${symbol}\", (const char *)${symbol}_cl, sizeof ${symbol}_cl},\n")
  endif()
endforeach()
string(SHA256 hash "${table}${arrays}")
file(WRITE "${OUTPUT}.new" "/* Made by host/cmake/embed_kernels.cmake. */
#include \"${HEADER}\"
${arrays}
const ${PREFIX}_kernel_source ${PREFIX}_kernel_sources[] = {\n${table}    {0, 0, 0}};
const char ${PREFIX}_kernel_sources_hash[] = \"${hash}\";\n")
file(RENAME "${OUTPUT}.new" "${OUTPUT}")
