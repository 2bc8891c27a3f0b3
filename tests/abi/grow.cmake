# SPDX-License-Identifier: Apache-2.0
# cmake -D FROM=include -D TO=grown -P grow.cmake
#
# Copies the public headers, and appends fields to every struct that may grow. The copies are the headers of a later
# version.

file(GLOB_RECURSE headers RELATIVE ${FROM} ${FROM}/clxent/*.h)
set(grown "")
foreach(header IN LISTS headers)
  file(READ ${FROM}/${header} text)
  string(REPLACE ";" "<semicolon>" text "${text}") # CMake separates the elements of a list by semicolons
  string(REGEX MATCHALL "struct clxent_[a-z_]+ {\n    size_t struct_size<semicolon>" starts "${text}")
  foreach(start IN LISTS starts)
    string(FIND "${text}" "${start}" at)
    string(SUBSTRING "${text}" ${at} -1 rest)
    string(FIND "${rest}" "\n}" end) # the first line that closes a brace
    math(EXPR end "${at} + ${end}")
    string(SUBSTRING "${text}" 0 ${end} before)
    string(SUBSTRING "${text}" ${end} -1 after)
    set(text "${before}\n    uint64_t grown_[3]<semicolon>${after}")
    string(REGEX REPLACE "struct (clxent_[a-z_]+).*" "\\1" name "${start}")
    list(APPEND grown ${name})
  endforeach()
  string(REPLACE "<semicolon>" ";" text "${text}")
  file(WRITE ${TO}/${header} "${text}")
endforeach()
list(LENGTH grown count)
if(count LESS 6)
  message(FATAL_ERROR "grow.cmake: only ${grown} have grown")
endif()
message(STATUS "grown: ${grown}")
