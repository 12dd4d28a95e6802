# find_package(ociimg) defines the targets ociimg::ociimg (shared) and ociimg::static.

get_filename_component(_ociimg_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
include("${CMAKE_CURRENT_LIST_DIR}/ociimgPaths.cmake")
if(NOT _ociimg_lib)
  set(ociimg_FOUND FALSE)
  set(ociimg_NOT_FOUND_MESSAGE "${_ociimg_prefix} has no ociimg.pc")
  return()
endif()

if(NOT TARGET ociimg::ociimg AND EXISTS "${_ociimg_lib}/libociimg.so")
  add_library(ociimg::ociimg SHARED IMPORTED)
  set_target_properties(ociimg::ociimg PROPERTIES
    IMPORTED_LOCATION "${_ociimg_lib}/libociimg.so"
    INTERFACE_INCLUDE_DIRECTORIES "${_ociimg_prefix}/include")
endif()

if(NOT TARGET ociimg::static AND EXISTS "${_ociimg_lib}/libociimg.a")
  # The system libraries that Rust's standard library needs.
  file(STRINGS "${_ociimg_lib}/pkgconfig/ociimg.pc" _ociimg_private REGEX "^Libs\\.private:")
  string(REGEX REPLACE "^Libs\\.private: *" "" _ociimg_private "${_ociimg_private}")
  string(REGEX REPLACE " +" ";" _ociimg_private "${_ociimg_private}")
  add_library(ociimg::static STATIC IMPORTED)
  set_target_properties(ociimg::static PROPERTIES
    IMPORTED_LOCATION "${_ociimg_lib}/libociimg.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_ociimg_prefix}/include"
    INTERFACE_LINK_LIBRARIES "${_ociimg_private}")
  unset(_ociimg_private)
endif()

unset(_ociimg_lib)
unset(_ociimg_prefix)
