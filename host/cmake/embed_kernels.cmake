# SPDX-License-Identifier: Apache-2.0
# cmake -D FOLDER=kernels -D OUTPUT=kernel_sources.c [-D HEADER=kernel_sources.h -D PREFIX=clx]
#       -P embed_kernels.cmake
#
# Writes a C file with an array of bytes for every FOLDER/*.cl that holds a kernel; a table of names and arrays,
# PREFIX_kernel_sources, whose type HEADER declares; and a hash of it all. It replaces each `#include "..."` line by
# the file that the line names. It does so once for each file, unless branches that are compiled for different options
# need the file. The arrays are of bytes, since a string literal over 4,095 characters is not portable C.
# `#line` says where each line comes from, so that a compiler's messages name a file and a line that exist.

cmake_policy(VERSION 3.18)
if(NOT HEADER)
  set(HEADER kernel_sources.h)
  set(PREFIX clx)
endif()

# The folder as messages name it: a path in the source tree, the same on every machine.
file(RELATIVE_PATH shown "${CMAKE_CURRENT_LIST_DIR}/../.." "${FOLDER}")

# A compiler ignores a `#line` in a branch that it does not compile. So flatten() also writes a `#line` behind each
# directive that ends a branch with an include in it.
function(flatten name out_text)
  get_property(seen GLOBAL PROPERTY flattened)
  if(name IN_LIST seen)
    set(${out_text} "" PARENT_SCOPE)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY flattened ${name})
  file(READ "${FOLDER}/${name}" rest)
  string(PREPEND rest "\n") # each line begins with the end of the one before it
  set(text "\n#line 1 \"${shown}/${name}\"")
  set(line_number 0)
  set(depth 0)
  set(outermost 0)
  if(rest MATCHES "\n#ifndef CLX[A-Z0-9_]+\n#define CLX[A-Z0-9_]+\n")
    set(outermost 1) # the condition that keeps a file from being included twice
  endif()
  set(astray FALSE)
  while(rest MATCHES "\n#(include \"([a-z0-9_./]+\\.(cl|h))\"|if|else|elif|endif)[^\n]*")
    set(line "${CMAKE_MATCH_0}")
    set(directive "${CMAKE_MATCH_1}")
    set(file "${CMAKE_MATCH_2}")
    string(FIND "${rest}" "${line}" at)
    string(SUBSTRING "${rest}" 0 ${at} before)
    string(LENGTH "${line}" length)
    math(EXPR after_at "${at} + ${length}")
    string(SUBSTRING "${rest}" ${after_at} -1 rest)
    string(REGEX MATCHALL "\n" lines_before "${before}")
    list(LENGTH lines_before count)
    math(EXPR line_number "${line_number} + ${count} + 1")
    math(EXPR next_line "${line_number} + 1")
    set(next_is "\n#line ${next_line} \"${shown}/${name}\"")
    string(APPEND text "${before}")
    if(file)
      get_property(seen GLOBAL PROPERTY flattened)
      flatten(${file} included)
      string(APPEND text "${included}${next_is}")
      if(depth GREATER outermost) # other branches do not have it
        set_property(GLOBAL PROPERTY flattened ${seen})
        set(astray TRUE)
      endif()
      continue()
    endif()
    string(APPEND text "${line}")
    if(directive STREQUAL if)
      math(EXPR depth "${depth} + 1")
    elseif(astray)
      string(APPEND text "${next_is}")
    endif()
    if(directive STREQUAL endif)
      math(EXPR depth "${depth} - 1")
      if(depth LESS_EQUAL outermost)
        set(astray TRUE)
      endif()
    endif()
  endwhile()
  string(REGEX REPLACE "\n$" "" rest "${rest}") # another line follows
  set(${out_text} "${text}${rest}" PARENT_SCOPE)
endfunction()

file(GLOB paths RELATIVE "${FOLDER}" "${FOLDER}/*.cl")
set(arrays "")
set(table "")
foreach(path IN LISTS paths)
  set_property(GLOBAL PROPERTY flattened "")
  flatten(${path} text)
  string(SUBSTRING "${text}\n" 1 -1 text)
  file(READ "${FOLDER}/${path}" own)
  if(own MATCHES "\n(__kernel|kernel) ")
    string(HEX "${text}" hex)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(REPLACE "0x0a," "0x0a,
" bytes "${bytes}") # a line for each line of the file
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
