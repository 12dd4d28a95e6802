# Sets _ociimg_lib to the folder of the libraries below _ociimg_prefix.

set(_ociimg_lib "")
foreach(_ociimg_dir lib "lib/${CMAKE_LIBRARY_ARCHITECTURE}" lib64)
  if(NOT _ociimg_lib AND EXISTS "${_ociimg_prefix}/${_ociimg_dir}/pkgconfig/ociimg.pc")
    set(_ociimg_lib "${_ociimg_prefix}/${_ociimg_dir}")
  endif()
endforeach()
unset(_ociimg_dir)
