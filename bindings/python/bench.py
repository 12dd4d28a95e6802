"""Reads a layer of 256 MiB with readinto and 64 KiB buffers, and by the same calls in C.

usage: bench.py [ROUNDS]

Prints the processor seconds of each, and their ratio: 1 is as fast as C, 0.5 half as fast. C is a
loop compiled with the compiler that OCIIMG_PREFIX or pkg-config's ociimg names; without either, only
Python is measured.
"""

import ctypes
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

# The installed package: the one beside this file has no compiled module.
sys.path.pop(0)
import ociimg  # noqa: E402

SIZE = 256 << 20
LOOP = r"""
#include <ociimg.h>
long long read_all(const char *path)
{
    static uint8_t buf[64 << 10];
    ociimg_loader *loader = NULL;
    ociimg_index *index = NULL;
    ociimg_image *image = NULL;
    ociimg_layer *layer = NULL;
    ociimg_reader *reader = NULL;
    long long total = 0;
    size_t n = 1;
    int failed = ociimg_loader_open(path, NULL, NULL, &loader, NULL) ||
                 ociimg_index_load(loader, NULL, NULL, &index, NULL) ||
                 ociimg_index_image(index, 0, NULL, &image, NULL);
    if (!failed) {
        layer = ociimg_image_layer(image, 0);
        failed = ociimg_layer_open(layer, OCIIMG_READ_MODE_UNCOMPRESSED, NULL, NULL, &reader, NULL);
    }
    while (!failed && n > 0) {
        failed = ociimg_reader_read(reader, buf, sizeof buf, &n, NULL);
        total += (long long)n;
    }
    ociimg_reader_free(reader);
    ociimg_layer_free(layer);
    ociimg_image_free(image);
    ociimg_index_free(index);
    ociimg_loader_free(loader);
    return failed ? -1 : total;
}
"""


def make_layout(folder: pathlib.Path) -> None:
    image = ociimg.Image.new(ociimg.Platform("linux", "arm64"))
    with ociimg.LayerWriter(compression=ociimg.Compression.NONE) as writer:
        for _ in range(SIZE >> 20):
            writer.write(bytes(1 << 20))
        image.append_layer(writer.finish())
    with ociimg.Target.layout(folder, no_sync=True) as target:
        ociimg.copy(image, target)


def in_python(folder: pathlib.Path, buffer: bytearray) -> int:
    total = 0
    with ociimg.open(folder).load().image(0).layers[0].open() as reader:
        readinto = reader.readinto
        while n := readinto(buffer):
            total += n
    return total


def compiled(folder: pathlib.Path):
    prefix = os.environ.get("OCIIMG_PREFIX")
    if prefix:
        flags = [f"-I{prefix}/include", f"-L{prefix}/lib", "-lociimg", f"-Wl,-rpath,{prefix}/lib"]
    else:
        found = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "ociimg"], stdout=subprocess.PIPE, text=True
        )
        if found.returncode != 0:
            return None
        flags = found.stdout.split()
    source, library = folder / "loop.c", folder / "loop.so"
    source.write_text(LOOP)
    command = ["cc", "-O2", "-shared", "-fPIC", str(source), "-o", str(library)]
    subprocess.run(command + flags, check=True)
    function = ctypes.CDLL(str(library)).read_all
    function.restype, function.argtypes = ctypes.c_longlong, [ctypes.c_char_p]
    return function


def seconds(work) -> float:
    def now() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    start = now()
    if work() != SIZE:
        sys.exit("not all of the layer was read")
    return now() - start


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_layout(folder / "layout")
        c = compiled(folder)
        path, buffer = folder / "layout", bytearray(64 << 10)
        python_seconds = c_seconds = 0.0
        for _ in range(rounds):
            if c:
                c_seconds += seconds(lambda: c(os.fsencode(path)))
            python_seconds += seconds(lambda: in_python(path, buffer))
        print(f"Python {python_seconds / rounds:.3f} s")
        if c:
            print(f"C {c_seconds / rounds:.3f} s, ratio {c_seconds / python_seconds:.3f}")


main()
