"""Layers, readers, and layers of the program's own."""

from __future__ import annotations

import enum
import io
import os
from types import TracebackType
from typing import Any, Optional, Type, Union

from ._call import Context, check, create, run
from ._errors import NotVerifiedError, text
from ._ociimg import ffi, lib
from ._types import Descriptor, encode


class Compression(enum.IntEnum):
    """The compression of a new layer or archive."""

    DEFAULT = 0
    NONE = 1
    GZIP = 2
    ZSTD = 3


class Reader(io.RawIOBase):
    """Reads one blob.

    Bytes come out before the last of them was checked: only the end says that size, digest and
    diff ID were right. Closing before the end raises NotVerifiedError; a consumer that stops
    earlier, as tarfile does, calls finish() first.
    """

    def __init__(self, pointer: Any, context: Context) -> None:
        self._ptr = pointer
        self._context = context
        self._n = ffi.new("size_t *")
        self._err = ffi.new("ociimg_error **")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads into a buffer, and returns the number of bytes; 0 is the verified end."""
        if self.closed:
            raise ValueError("the reader is closed")
        view = ffi.from_buffer("uint8_t[]", buffer, require_writable=True)
        if len(view) == 0:
            return 0
        status = lib.ociimg_reader_read(self._ptr, view, len(view), self._n, self._err)
        if status:
            check(status, self._err, self._context)
        read: int = self._n[0]
        return read

    def finish(self) -> None:
        """Reads and discards the rest, and raises unless everything was right."""
        if self.closed:
            raise ValueError("the reader is closed")
        run(lambda err: lib.ociimg_reader_finish(self._ptr, err), self._context)

    @property
    def verified(self) -> bool:
        """Whether the verified end was reached."""
        return bool(lib.ociimg_reader_is_verified(self._ptr))

    @property
    def stored_read(self) -> int:
        """Bytes of the stored blob that were read so far."""
        count: int = lib.ociimg_reader_stored_read(self._ptr)
        return count

    def _release(self) -> bool:
        verified = self.verified
        ffi.release(self._ptr)
        self._ptr = ffi.NULL
        super().close()
        return verified

    def close(self) -> None:
        """Frees the reader. NotVerifiedError if the verified end was not reached."""
        if not self.closed and not self._release():
            raise NotVerifiedError("not read to its verified end; call finish() first")

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        # An exception on its way is not replaced by one about verification.
        if kind is None:
            self.close()
        elif not self.closed:
            self._release()

    def __del__(self) -> None:
        if not self.closed:
            self._release()


def reader_options(
    max_uncompressed_size: int, max_window_size: int, workers: int
) -> Any:
    return ffi.new(
        "ociimg_reader_options *",
        {
            "struct_size": ffi.sizeof("ociimg_reader_options"),
            "max_uncompressed_size": max_uncompressed_size,
            "max_window_size": max_window_size,
            "workers": workers,
        },
    )


def mode(stored: bool) -> int:
    value: int = lib.OCIIMG_READ_MODE_STORED if stored else lib.OCIIMG_READ_MODE_UNCOMPRESSED
    return value


class Layer:
    """A layer of an image, or one that was made. Several threads may use one."""

    def __init__(self, pointer: Any) -> None:
        self._ptr = pointer

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor as the manifest has it."""
        found = Descriptor._take(lib.ociimg_layer_descriptor(self._ptr))
        assert found is not None
        return found

    @property
    def digest(self) -> str:
        """The digest of the stored blob, "sha256:..."."""
        return text(lib.ociimg_layer_digest(self._ptr)) or ""

    @property
    def size(self) -> int:
        """The size of the stored blob in bytes."""
        size: int = lib.ociimg_layer_size(self._ptr)
        return size

    @property
    def diff_id(self) -> Optional[str]:
        """The digest of the uncompressed tar stream; None where the config has none."""
        return text(lib.ociimg_layer_diff_id(self._ptr))

    @property
    def chain_id(self) -> Optional[str]:
        """The digest that identifies this layer and all below it; None without a diff ID."""
        return text(lib.ociimg_layer_chain_id(self._ptr))

    @property
    def oci_media_type(self) -> str:
        """OCI's name of the media type, also of a Docker layer."""
        return text(lib.ociimg_layer_oci_media_type(self._ptr)) or ""

    def open(
        self,
        *,
        stored: bool = False,
        max_uncompressed_size: int = 0,
        max_window_size: int = 0,
        workers: int = 0,
        context: Optional[Context] = None,
    ) -> Reader:
        """Opens the layer: the tar stream, or with stored=True the blob as it is stored. Limits
        are in bytes; 0 is the default (no limit of the size, 128 MiB for a window). workers=1
        allows the library a thread that hashes. The reader stops when context is cancelled."""
        context = context or Context()
        options = reader_options(max_uncompressed_size, max_window_size, workers)
        return Reader(
            create(
                "reader",
                lib.ociimg_reader_free,
                lambda out, err: lib.ociimg_layer_open(
                    self._ptr, mode(stored), options, context._ptr, out, err
                ),
                context,
            ),
            context,
        )


def layer_options(
    compression: Compression,
    level: int,
    digest_algorithm: Optional[str],
    temp_dir: Optional[str],
    max_memory: int,
    max_size: int,
    workers: int,
    is_compressed: bool,
) -> Any:
    texts = [encode(digest_algorithm), encode(temp_dir)]
    options = ffi.new(
        "ociimg_layer_options *",
        {
            "struct_size": ffi.sizeof("ociimg_layer_options"),
            "compression": compression,
            "level": level,
            "digest_algorithm": texts[0],
            "temp_dir": texts[1],
            "max_memory": max_memory,
            "max_size": max_size,
            "workers": workers,
            "flags": lib.OCIIMG_LAYER_IS_COMPRESSED if is_compressed else 0,
        },
    )
    return options, texts


class LayerWriter(io.RawIOBase):
    """Makes a layer from a tar stream that is written to it. A failure is final: every later call
    fails the same way. Defaults: gzip at level 6 (zstd: 3), sha256, TMPDIR or /tmp, 1 MiB in
    memory before a temporary file is used, no limit of the size, no threads. is_compressed: the
    input is compressed already, and kept as it is."""

    def __init__(
        self,
        *,
        compression: Compression = Compression.DEFAULT,
        level: int = 0,
        digest_algorithm: Optional[str] = None,
        temp_dir: Optional[str] = None,
        max_memory: int = 0,
        max_size: int = 0,
        workers: int = 0,
        is_compressed: bool = False,
        context: Optional[Context] = None,
    ) -> None:
        self._context = context or Context()
        options, self._alive = layer_options(
            compression,
            level,
            digest_algorithm,
            temp_dir,
            max_memory,
            max_size,
            workers,
            is_compressed,
        )
        self._ptr = create(
            "layer_writer",
            lib.ociimg_layer_writer_free,
            lambda out, err: lib.ociimg_layer_writer_new(options, self._context._ptr, out, err),
            self._context,
        )

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Writes all bytes, or raises."""
        if self.closed:
            raise ValueError("the writer is closed")
        view = ffi.from_buffer("uint8_t[]", data)
        if len(view) > 0:
            run(
                lambda err: lib.ociimg_layer_writer_write(self._ptr, view, len(view), err),
                self._context,
            )
        return len(view)

    def finish(self) -> Layer:
        """Ends the stream, and returns the layer; once. The layer does not need the writer."""
        return Layer(
            create(
                "layer",
                lib.ociimg_layer_free,
                lambda out, err: lib.ociimg_layer_writer_finish(self._ptr, out, err),
                self._context,
            )
        )

    def close(self) -> None:
        """Frees the writer. A layer that it made stays usable."""
        if not self.closed:
            super().close()
            ffi.release(self._ptr)
            self._ptr = ffi.NULL


def layer_from_file(
    path: Union[str, "os.PathLike[str]"],
    *,
    compression: Compression = Compression.DEFAULT,
    level: int = 0,
    digest_algorithm: Optional[str] = None,
    temp_dir: Optional[str] = None,
    max_memory: int = 0,
    max_size: int = 0,
    workers: int = 0,
    context: Optional[Context] = None,
) -> Layer:
    """Makes a layer from a file. A tar archive is compressed; a compressed file is not copied, and
    must stay unchanged while the layer is used."""
    context = context or Context()
    options, _alive = layer_options(
        compression, level, digest_algorithm, temp_dir, max_memory, max_size, workers, False
    )
    name = ffi.new("char[]", os.fsencode(path))
    return Layer(
        create(
            "layer",
            lib.ociimg_layer_free,
            lambda out, err: lib.ociimg_layer_from_file(name, options, context._ptr, out, err),
            context,
        )
    )
