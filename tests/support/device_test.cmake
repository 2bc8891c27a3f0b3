# SPDX-License-Identifier: Apache-2.0
#
# The functions that register tests. clxent_host_test() registers a test that needs no device. clxent_device_test()
# registers a test that runs on each installed OpenCL implementation, with the environment that selects it.

find_file(CLXENT_ICD_POCL pocl.icd PATHS /etc/OpenCL/vendors NO_DEFAULT_PATH
  DOC "PoCL's .icd file, for the tests")
find_file(CLXENT_ICD_RUSTICL rusticl.icd PATHS /etc/OpenCL/vendors NO_DEFAULT_PATH
  DOC "rusticl's .icd file, for the tests")
find_library(CLXENT_ICD_OCLGRIND NAMES oclgrind-rt-icd PATH_SUFFIXES oclgrind
  DOC "Oclgrind's ICD library, for the tests")
mark_as_advanced(CLXENT_ICD_POCL CLXENT_ICD_RUSTICL CLXENT_ICD_OCLGRIND)

# The environments of tests, as lists for the property ENVIRONMENT. clxent_test_implementations lists the installed
# implementations; clxent_test_env_<implementation> selects one. clxent_test_env selects the first installed one; if none
# is installed, it is empty, and clxent chooses the device. CLXENT_DEVICE is empty because the chosen implementation may
# lack the user's device, CLXENT_TUNING because it is for another device, and CLXENT_GEMM because the tests choose who
# computes matrix products. The tool's cache belongs to the user, so it is off.
set(clxent_test_env_pocl OCL_ICD_VENDORS=${CLXENT_ICD_POCL} POCL_CACHE_DIR=${PROJECT_BINARY_DIR}/pocl-cache
  CLXENT_DEVICE= CLXENT_TUNING= CLXENT_GEMM= CLXENT_CACHE=off)
set(clxent_test_env_rusticl OCL_ICD_VENDORS=${CLXENT_ICD_RUSTICL} RUSTICL_ENABLE=llvmpipe
  MESA_SHADER_CACHE_DIR=${PROJECT_BINARY_DIR}/mesa-cache CLXENT_DEVICE= CLXENT_TUNING= CLXENT_GEMM= CLXENT_CACHE=off CLXENT_TEST_EFFORT=small)
set(clxent_test_env_oclgrind OCL_ICD_VENDORS=${CLXENT_ICD_OCLGRIND} CLXENT_DEVICE= CLXENT_TUNING= CLXENT_GEMM= CLXENT_CACHE=off CLXENT_TEST_EFFORT=tiny
  OPENCL_LAYERS=${PROJECT_BINARY_DIR}/tests/layers/clxent_keep_buffers.so) # see that layer's file
set(clxent_test_env)
set(clxent_test_implementations)
foreach(implementation pocl rusticl oclgrind)
  string(TOUPPER ${implementation} IMPLEMENTATION)
  if(CLXENT_ICD_${IMPLEMENTATION})
    list(APPEND clxent_test_implementations ${implementation})
    if(NOT clxent_test_env)
      set(clxent_test_env ${clxent_test_env_${implementation}})
    endif()
  endif()
endforeach()
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/pocl-cache)
message(STATUS "OpenCL implementations to test on: ${clxent_test_implementations}")

# Mesa 22.3 prints this when it compiles a kernel that reads an argument, maybe a hidden one, under a condition
# (kernels/call.cl). A test on rusticl that prints it fails.
set(clxent_test_fails_by_rusticl FAIL_REGULAR_EXPRESSION "in control flow as uniform")

# The programs of the tests that need no device. `ci/sanitize short` builds no others.
add_custom_target(clxent_host_tests)

function(clxent_test_program name)
  add_executable(test_${name} ${ARGN})
  target_link_libraries(test_${name} PRIVATE clxent_flags clxent_test_support clxent_reference)
endfunction()

# clxent_host_test(name SOURCES file... [LIBRARIES target...] [TIMEOUT seconds])
# Registers one ctest test, `name`, of the program test_<name>, with the label "host".
function(clxent_host_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LIBRARIES")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  clxent_test_program(${name} ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${arg_LIBRARIES})
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES LABELS host TIMEOUT ${arg_TIMEOUT})
  add_dependencies(clxent_host_tests test_${name})
endfunction()

# clxent_says_messages(test...): these tests keep the messages that they get for the test `messages`, which ctest runs
# after them. The function skips names that are no tests of the calling folder.
function(clxent_says_messages)
  foreach(test ${ARGN})
    if(TEST ${test})
      set_tests_properties(${test} PROPERTIES FIXTURES_SETUP messages)
      set_property(TEST ${test} APPEND PROPERTY
        ENVIRONMENT CLXENT_TEST_MESSAGES=${PROJECT_BINARY_DIR}/tests/messages/said/${test})
    endif()
  endforeach()
endfunction()

# clxent_valgrind_test(name program argument...): the ctest test `valgrind.name`, label "valgrind".
function(clxent_valgrind_test name program)
  add_test(NAME valgrind.${name} COMMAND ${CLXENT_VALGRIND} --quiet --error-exitcode=99 --leak-check=full
    --errors-for-leak-kinds=definite,indirect,possible $<TARGET_FILE:${program}> ${ARGN})
  set_tests_properties(valgrind.${name} PROPERTIES LABELS valgrind TIMEOUT 600)
endfunction()

# clxent_device_variant(name variant [ARGUMENTS argument...] ENVIRONMENT variable=value... ON [pocl] [rusticl] [oclgrind])
# Registers the program of clxent_device_test(name ...) once more, as `name_variant.pocl`, ..., with more variables in
# its environment, and with arguments.
function(clxent_device_variant name variant)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "ARGUMENTS;ENVIRONMENT;ON")
  foreach(implementation ${arg_ON})
    if(NOT implementation IN_LIST clxent_test_implementations)
      continue()
    endif()
    set(test ${name}_${variant}.${implementation})
    add_test(NAME ${test} COMMAND test_${name} ${arg_ARGUMENTS})
    set_tests_properties(${test} PROPERTIES LABELS ${implementation} TIMEOUT 600
      ENVIRONMENT "${clxent_test_env_${implementation}};${arg_ENVIRONMENT}" ${clxent_test_fails_by_${implementation}})
  endforeach()
endfunction()

# clxent_device_test(name SOURCES file... [LIBRARIES target...] [TIMEOUT seconds] ON [pocl] [rusticl] [oclgrind])
# Registers the ctest tests `name.pocl`, `name.rusticl`, ..., one for each implementation in ON that is installed, with
# its name as label. If none of the three is installed, registers `name.device`, on the device that clxent chooses.
function(clxent_device_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LIBRARIES;ON")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()
  clxent_test_program(${name} ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${arg_LIBRARIES})
  foreach(implementation ${arg_ON})
    if(NOT implementation IN_LIST clxent_test_implementations)
      continue()
    endif()
    set(test ${name}.${implementation})
    set(wrapper)
    if(implementation STREQUAL oclgrind)
      set(wrapper ${PROJECT_SOURCE_DIR}/tests/support/oclgrind.sh ${CMAKE_CURRENT_BINARY_DIR}/${test}.log)
    endif()
    add_test(NAME ${test} COMMAND ${wrapper} $<TARGET_FILE:test_${name}>)
    set_tests_properties(${test} PROPERTIES ENVIRONMENT "${clxent_test_env_${implementation}}"
      LABELS ${implementation} TIMEOUT ${arg_TIMEOUT} ${clxent_test_fails_by_${implementation}})
  endforeach()
  if(NOT clxent_test_implementations)
    add_test(NAME ${name}.device COMMAND test_${name})
    set_tests_properties(${name}.device PROPERTIES LABELS device TIMEOUT ${arg_TIMEOUT})
  endif()
endfunction()

# clxent_test_layer(name layer): the device test `name` runs with tests/layers/<layer>.c between loader and driver.
function(clxent_test_layer name layer)
  foreach(implementation ${clxent_test_implementations} device)
    if(TEST ${name}.${implementation})
      set_property(TEST ${name}.${implementation} APPEND PROPERTY
        ENVIRONMENT OPENCL_LAYERS=${PROJECT_BINARY_DIR}/tests/layers/clxent_${layer}.so)
    endif()
  endforeach()
endfunction()

# clxent_test_without_optimizer(name...): PoCL compiles the programs of these device tests without optimising, which takes
# it a quarter of the time: the tests check the host, or the sources of the kernels. The long form optimises
# (tests/layers/odd_device.c). Other tests run the programs that users get.
function(clxent_test_without_optimizer)
  foreach(name ${ARGN})
    if(TEST ${name}.pocl)
      set(layer ${PROJECT_BINARY_DIR}/tests/layers/clxent_odd_device.so)
      get_property(environment TEST ${name}.pocl PROPERTY ENVIRONMENT)
      if(environment MATCHES "OPENCL_LAYERS=")
        string(REPLACE "OPENCL_LAYERS=" "OPENCL_LAYERS=${layer}:" environment "${environment}")
      else()
        list(APPEND environment OPENCL_LAYERS=${layer})
      endif()
      set_property(TEST ${name}.pocl PROPERTY ENVIRONMENT ${environment} CLXENT_ODD_DEVICE=optimizer=0)
    endif()
  endforeach()
endfunction()
