"""Sources of images."""

from __future__ import annotations

import contextlib
import os
from typing import Any, BinaryIO, Dict, Optional, Union

from ._call import Context, callback, create, guarded, notification
from ._ociimg import ffi, lib
from ._types import encode


class Loader:
    """A source of images of the program's own. Subclass it and override the methods.

    What it returns is verified, so it need not be trusted. A missing manifest or blob is a
    FileNotFoundError or NotFoundError. Methods run on the thread that called the library.
    """

    def root_digest(self) -> Optional[str]:
        """The digest of the root manifest; None if it is not known."""
        return None

    def open_root_manifest(self) -> BinaryIO:
        """Opens the index or manifest to start from."""
        raise NotImplementedError

    def open_manifest(self, digest: str) -> BinaryIO:
        """Opens the manifest or index with this digest."""
        raise NotImplementedError

    def open_blob(self, digest: str) -> BinaryIO:
        """Opens the config, layer or other blob with this digest."""
        raise NotImplementedError


class Source:
    """An opened layout, archive or Loader."""

    def __init__(self, pointer: Any) -> None:
        self._ptr = pointer

    def load(
        self,
        *,
        root_digest: Optional[str] = None,
        max_document_size: int = 0,
        max_total_size: int = 0,
        max_index_depth: int = 0,
        max_entries: int = 0,
        context: Optional[Context] = None,
    ) -> "Index":
        """Loads the root and all indexes below it. root_digest: the digest that the root must
        have. Limits are bytes or counts; 0 is the default: 4 MiB, 32 MiB, 8 nested indexes, 16384
        entries."""
        context = context or Context()
        digest = encode(root_digest)
        options = ffi.new(
            "ociimg_load_options *",
            {
                "struct_size": ffi.sizeof("ociimg_load_options"),
                "root_digest": digest,
                "max_document_size": max_document_size,
                "max_total_size": max_total_size,
                "max_index_depth": max_index_depth,
                "max_entries": max_entries,
            },
        )
        return Index(
            create(
                "index",
                lib.ociimg_index_free,
                lambda out, err: lib.ociimg_index_load(self._ptr, options, context._ptr, out, err),
                context,
            ),
            (context,),
        )

    def close(self) -> None:
        """Frees the source. What was loaded from it stays usable."""
        if self._ptr != ffi.NULL:
            ffi.release(self._ptr)
            self._ptr = ffi.NULL

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open(
    source: Union[str, "os.PathLike[str]", Loader],
    *,
    ref_name: Optional[str] = None,
    max_unpacked_size: int = 0,
    max_document_size: int = 0,
    follow_links: bool = False,
    context: Optional[Context] = None,
) -> Source:
    """Opens a layout folder or an archive, whichever the path has, or a Loader. ref_name: only the
    images of this name. Limits are in bytes; 0 is the default (no limit of what a compressed
    archive unpacks to, 4 MiB for a document). follow_links: links of a layout may lead out of it.
    """
    if isinstance(source, Loader):
        return _open_loader(source)
    context = context or Context()
    name = encode(ref_name)
    options = ffi.new(
        "ociimg_source_options *",
        {
            "struct_size": ffi.sizeof("ociimg_source_options"),
            "ref_name": name,
            "max_unpacked_size": max_unpacked_size,
            "max_document_size": max_document_size,
            "flags": lib.OCIIMG_SOURCE_FOLLOW_LINKS if follow_links else 0,
        },
    )
    path = ffi.new("char[]", os.fsencode(source))
    return Source(
        create(
            "loader",
            lib.ociimg_loader_free,
            lambda out, err: lib.ociimg_loader_open(path, options, context._ptr, out, err),
            context,
        )
    )


# What the library holds: handles of states and streams, until destroy or close.
ALIVE: Dict[Any, Any] = {}


def keep(value: object) -> Any:
    handle = ffi.new_handle(value)
    ALIVE[handle] = handle
    return handle


def drop(handle: Any) -> None:
    ALIVE.pop(handle, None)


def _open_loader(loader: Loader) -> Source:
    table = ffi.new(
        "ociimg_loader_vtable *",
        {
            "struct_size": ffi.sizeof("ociimg_loader_vtable"),
            "root_digest": lib.py_root_digest,
            "open_root_manifest": lib.py_open_root_manifest,
            "open_manifest": lib.py_open_manifest,
            "open_blob": lib.py_open_blob,
            "read": lib.py_read,
            "close": lib.py_close,
            "destroy": lib.py_destroy,
        },
    )
    state = keep(loader)
    try:
        return Source(
            create(
                "loader",
                lib.ociimg_loader_free,
                lambda out, err: lib.ociimg_loader_new(table, state, out, err),
            )
        )
    except BaseException:
        drop(state)
        raise


@callback
def py_root_digest(state: Any, buf: Any, cap: int, call: Any) -> int:
    def run(_: Context) -> None:
        digest = ffi.from_handle(state).root_digest()
        if digest is not None:
            encoded = digest.encode()
            if len(encoded) >= cap:
                raise ValueError("root_digest: the digest is too long")
            ffi.memmove(buf, encoded, len(encoded))

    return guarded(call, run)


@callback
def py_open_root_manifest(state: Any, stream: Any, call: Any) -> int:
    def run(_: Context) -> None:
        stream[0] = keep(ffi.from_handle(state).open_root_manifest())

    return guarded(call, run)


@callback
def py_open_manifest(state: Any, digest: Any, stream: Any, call: Any) -> int:
    def run(_: Context) -> None:
        stream[0] = keep(ffi.from_handle(state).open_manifest(ffi.string(digest).decode()))

    return guarded(call, run)


@callback
def py_open_blob(state: Any, digest: Any, stream: Any, call: Any) -> int:
    def run(_: Context) -> None:
        stream[0] = keep(ffi.from_handle(state).open_blob(ffi.string(digest).decode()))

    return guarded(call, run)


@callback
def py_read(state: Any, stream: Any, buf: Any, cap: int, n: Any, call: Any) -> int:
    def run(_: Context) -> None:
        source = ffi.from_handle(stream)
        readinto = getattr(source, "readinto", None)
        if readinto is not None:
            read = readinto(ffi.buffer(buf, cap))
        else:
            data = source.read(cap)
            read = None if data is None else len(data)
            if read:
                ffi.memmove(buf, data, min(read, cap))
        if read is None:
            raise BlockingIOError("a stream of a Loader must block until it has bytes")
        n[0] = read

    return guarded(call, run)


@notification
def py_close(state: Any, stream: Any) -> None:
    source = ffi.from_handle(stream)
    drop(stream)
    close = getattr(source, "close", None)
    if close is not None:
        # There is nobody to report a failure to: what was read is verified without it.
        with contextlib.suppress(Exception):
            close()


@notification
def py_destroy(state: Any) -> None:
    drop(state)


from ._index import Index  # noqa: E402 - an Index comes from a Source
