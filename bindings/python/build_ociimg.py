"""Describes the extension module ociimg._ociimg to cffi."""

import os
import pathlib
import subprocess

from cffi import FFI

ROOT = pathlib.Path(__file__).resolve().parents[2]

CALLBACKS = """
extern "Python" {
    int32_t py_root_digest(void *, char *, size_t, ociimg_call *);
    int32_t py_open_root_manifest(void *, void **, ociimg_call *);
    int32_t py_open_manifest(void *, const char *, void **, ociimg_call *);
    int32_t py_open_blob(void *, const char *, void **, ociimg_call *);
    int32_t py_read(void *, void *, uint8_t *, size_t, size_t *, ociimg_call *);
    void py_close(void *, void *);
    int32_t py_has_blob(void *, const ociimg_descriptor *, ociimg_bool *, ociimg_call *);
    int32_t py_begin_blob(void *, const ociimg_descriptor *, void **, uint64_t *, ociimg_call *);
    int32_t py_write(void *, void *, const uint8_t *, size_t, ociimg_call *);
    int32_t py_commit_blob(void *, void *, ociimg_call *);
    void py_abort_blob(void *, void *);
    int32_t py_put_manifest(void *, const ociimg_descriptor *, const uint8_t *, size_t,
                            ociimg_call *);
    int32_t py_put_root(void *, const ociimg_descriptor *, const uint8_t *, size_t, const char *,
                        ociimg_call *);
    int32_t py_finish(void *, ociimg_call *);
    int32_t py_write_archive(void *, const uint8_t *, size_t, ociimg_call *);
    void py_destroy(void *);
    void py_progress(void *, const ociimg_copy_progress *);
}
"""


def installed(prefix: pathlib.Path) -> dict:
    return {
        "include_dirs": [str(prefix / "include")],
        "library_dirs": [str(prefix / "lib")],
        "libraries": ["ociimg"],
        "runtime_library_dirs": [str(prefix / "lib")],
    }


def built() -> dict:
    # The flags of what ships; packaging/install uses the same.
    script = """
        set -euo pipefail
        . packaging/build-flags
        libraries=$(build_static)
        packaging/static-library "$target/release/libociimg.a" "$target/libociimg.a"
        echo "$(realpath "$target/libociimg.a") $libraries"
    """
    library, *libraries = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.split()
    if not libraries:
        raise RuntimeError("cargo did not build the static library")
    return {
        "include_dirs": [str(ROOT / "include")],
        "extra_objects": [library],
        "libraries": [name[len("-l") :] for name in libraries],
        # Python's own flags ask for debugging information, which names folders of this machine.
        "extra_compile_args": ["-g0"],
    }


prefix = os.environ.get("OCIIMG_PREFIX")
cdef = (
    pathlib.Path(prefix) / "share" / "ociimg" / "ociimg.cdef"
    if prefix
    else ROOT / "include" / "ociimg.cdef"
)

ffi = FFI()
ffi.cdef(cdef.read_text())
ffi.cdef(CALLBACKS)
ffi.set_source(
    "ociimg._ociimg",
    "#include <ociimg.h>",
    **(installed(pathlib.Path(prefix)) if prefix else built()),
)

if __name__ == "__main__":
    ffi.compile(verbose=True)
