# SPDX-License-Identifier: Apache-2.0
# `cmake --install` installs headers, both libraries, the tool, and the files by which find_package(clxent) and
# pkg-config find them. A user may move the installed tree. The libraries contain the kernels and look up OpenCL at run
# time, so neither appears here.

# The shared library is the default form. Programs name clxent::clxent, clxent::shared or clxent::static, whether clxent
# is installed or not.
add_library(clxent::clxent ALIAS clxent_shared)

if(NOT CLXENT_INSTALL)
  return()
endif()
include(CMakePackageConfigHelpers)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/host/include/clxent DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN *.h)
install(TARGETS clxent_shared clxent_static EXPORT clxentTargets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET clxent_tool)
  install(TARGETS clxent_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# find_package(clxent)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/clxent)
set(package_build ${PROJECT_BINARY_DIR}/package)
install(EXPORT clxentTargets NAMESPACE clxent:: DESTINATION ${package_folder})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/clxentConfig.cmake.in ${package_build}/clxentConfig.cmake
  INSTALL_DESTINATION ${package_folder} NO_SET_AND_CHECK_MACRO)
set(clxent_compatibility SameMajorVersion)
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(clxent_compatibility SameMinorVersion)
endif()
write_basic_package_version_file(${package_build}/clxentConfigVersion.cmake COMPATIBILITY ${clxent_compatibility})
install(FILES ${package_build}/clxentConfig.cmake ${package_build}/clxentConfigVersion.cmake
  DESTINATION ${package_folder})

# pkg-config. It finds the prefix from the place of the .pc file, however deep lib, lib64 or lib/<architecture> is. A
# folder that was given as an absolute path stays absolute.
set(pc_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH pc_to_prefix ${CMAKE_INSTALL_PREFIX}/${pc_folder} ${CMAKE_INSTALL_PREFIX})
  string(REGEX REPLACE "/$" "" pc_to_prefix ${pc_to_prefix})
  set(pc_prefix "\${pcfiledir}/${pc_to_prefix}")
endif()
foreach(folder LIBDIR INCLUDEDIR)
  if(IS_ABSOLUTE ${CMAKE_INSTALL_${folder}})
    set(pc_${folder} ${CMAKE_INSTALL_${folder}})
  else()
    set(pc_${folder} "\${prefix}/${CMAKE_INSTALL_${folder}}")
  endif()
endforeach()
# The target says which libraries the static library needs.
get_target_property(pc_needs clxent_static INTERFACE_LINK_LIBRARIES)
list(TRANSFORM pc_needs PREPEND "-l")
string(REPLACE ";" " " pc_needs "${pc_needs}")
# With both libraries in one folder -lclxent is the shared one, unless a flag just before it tells the linker otherwise.
# clxent.pc has that flag: pkg-config prints the flags of a package before those of the packages that it requires.
# A flag behind -lclxent restores the linker's state, as the rest of the link may be static or dynamic. The linkers of
# ELF systems know these flags.
set(pc_static_on "-Wl,--push-state,-Bstatic")
set(pc_static_off "-Wl,--pop-state")
if(APPLE)
  set(pc_static_on "")
  set(pc_static_off "")
endif()
foreach(pc clxent clxent-library)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${pc}.pc.in ${package_build}/${pc}.pc @ONLY)
  install(FILES ${package_build}/${pc}.pc DESTINATION ${pc_folder})
endforeach()
