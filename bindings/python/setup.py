"""Builds the extension module. It contains the library: nothing has to be found at run time.

setuptools and not maturin, since cffi's API mode is what compiles the module. With OCIIMG_PREFIX
set, the module links the library that is installed there; without it, the library is built from
the sources around this folder with cargo, and linked statically.
"""

from setuptools import setup

setup(
    cffi_modules=["build_ociimg.py:ffi"],
    # The module in build/ may be linked with the library of another prefix.
    options={"build_ext": {"force": True}},
)
