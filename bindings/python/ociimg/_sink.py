"""Where images go, and copying."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
from typing import Any, BinaryIO, Callable, List, Optional, Sequence, Tuple, Union

from ._call import Context, callback, create, guarded, notification, run
from ._image import Image
from ._index import Index
from ._layer import Compression
from ._loader import drop, keep
from ._errors import text
from ._ociimg import ffi, lib
from ._types import Descriptor, strings


class BlobWriter:
    """Receives one blob. Exactly one of commit and abort is called, and nothing after it. An
    exception from write is followed by abort. RestartError from write or commit asks for the blob
    again, from its begin_blob on."""

    def write(self, data: bytes) -> None:
        """Writes all bytes, or raises."""
        raise NotImplementedError

    def commit(self) -> None:
        """Makes the blob visible; its size and digest were right. ExistsError (another writer was
        faster) counts as success."""
        raise NotImplementedError

    def abort(self) -> None:
        """Ends without making anything visible."""


class Sink:
    """Where images go. Subclass it and override the methods. They run on the threads that copy,
    concurrently if there are several. What they raise comes out of copy() as itself; an
    OciimgError is the __cause__ of the one that comes out."""

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the complete blob is there: then its source is not read."""
        return False

    def begin_blob(self, descriptor: Descriptor) -> Union[BlobWriter, Tuple[BlobWriter, int]]:
        """Begins a blob: returns a writer, or a writer and the number of bytes that are there from
        an earlier attempt, which are not written again. ExistsError: the blob is there."""
        raise NotImplementedError

    def put_manifest(self, descriptor: Descriptor, content: bytes) -> None:
        """Stores a manifest or index below a root, complete and verified, after all that it names.
        """
        raise NotImplementedError

    def put_root(self, descriptor: Descriptor, content: bytes, name: Optional[str]) -> None:
        """Stores a root, after everything else: once for each name, or once with None. It replaces
        what has the name."""
        raise NotImplementedError

    def finish(self) -> None:
        """Called once, by Target.finish."""


class Target:
    """An opened sink; several copies may write to one at once. Made from a Sink, of which
    max_streams blobs may be open at once (0 is any number), or by layout(), archive() and
    archive_stream(). A with statement finishes it at its end, unless an exception ends it."""

    def __init__(self, sink: Sink, *, max_streams: int = 0) -> None:
        table = ffi.new(
            "ociimg_sink_vtable *",
            {
                "struct_size": ffi.sizeof("ociimg_sink_vtable"),
                "max_streams": max_streams,
                "has_blob": lib.py_has_blob,
                "begin_blob": lib.py_begin_blob,
                "write": lib.py_write,
                "commit_blob": lib.py_commit_blob,
                "abort_blob": lib.py_abort_blob,
                "put_manifest": lib.py_put_manifest,
                "put_root": lib.py_put_root,
                "finish": lib.py_finish,
                "destroy": lib.py_destroy,
            },
        )
        self._own(sink, lambda state, out, err: lib.ociimg_sink_new(table, state, out, err))

    def _own(self, value: object, make: Callable[[Any, Any, Any], int]) -> None:
        state = keep(value)
        try:
            self._ptr = create(
                "sink", lib.ociimg_sink_free, lambda out, err: make(state, out, err)
            )
        except BaseException:
            drop(state)
            raise

    @classmethod
    def _open(cls, make: Callable[[Any, Any], int]) -> "Target":
        target = cls.__new__(cls)
        target._ptr = create("sink", lib.ociimg_sink_free, make)
        return target

    @classmethod
    def layout(
        cls,
        path: Union[str, "os.PathLike[str]"],
        *,
        must_be_new: bool = False,
        verify_existing: bool = False,
        no_sync: bool = False,
    ) -> "Target":
        """Opens a layout folder, created if absent. must_be_new: ExistsError where something is
        there. verify_existing: hash layers that are there, instead of comparing sizes. no_sync: do
        not wait for the disk."""
        options = _options(must_be_new, verify_existing, no_sync, False, Compression.DEFAULT, 0)
        name = ffi.new("char[]", os.fsencode(path))
        return cls._open(lambda out, err: lib.ociimg_sink_open_layout(name, options, out, err))

    @classmethod
    def archive(
        cls,
        path: Union[str, "os.PathLike[str]"],
        *,
        must_be_new: bool = False,
        no_sync: bool = False,
        docker: bool = False,
        compression: Compression = Compression.DEFAULT,
        level: int = 0,
    ) -> "Target":
        """Opens an archive file, which appears when finish() succeeds. docker: write manifest.json
        too, for docker load. compression, level: of the archive as a whole; the default is none."""
        options = _options(must_be_new, False, no_sync, docker, compression, level)
        name = ffi.new("char[]", os.fsencode(path))
        return cls._open(lambda out, err: lib.ociimg_sink_open_archive(name, options, out, err))

    @classmethod
    def archive_stream(
        cls,
        file: BinaryIO,
        *,
        docker: bool = False,
        compression: Compression = Compression.DEFAULT,
        level: int = 0,
    ) -> "Target":
        """Writes an archive to a file object that is open for bytes, such as a pipe."""
        options = _options(False, False, False, docker, compression, level)
        target = cls.__new__(cls)
        target._own(
            file,
            lambda state, out, err: lib.ociimg_sink_open_archive_stream(
                lib.py_write_archive, lib.py_destroy, state, options, out, err
            ),
        )
        return target

    def finish(self, *, context: Optional[Context] = None) -> None:
        """Completes the sink, once, after all copies: an archive appears now."""
        own = context or Context()
        run(lambda err: lib.ociimg_sink_finish(self._ptr, own._ptr, err), own)

    def close(self) -> None:
        """Frees the sink; without finish() before it, everything that is not visible is discarded.
        """
        if self._ptr != ffi.NULL:
            ffi.release(self._ptr)
            self._ptr = ffi.NULL

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.close()


def _options(
    must_be_new: bool,
    verify_existing: bool,
    no_sync: bool,
    docker: bool,
    compression: Compression,
    level: int,
) -> Any:
    flags = (
        (lib.OCIIMG_SINK_MUST_BE_NEW if must_be_new else 0)
        | (lib.OCIIMG_SINK_VERIFY_EXISTING if verify_existing else 0)
        | (lib.OCIIMG_SINK_NO_SYNC if no_sync else 0)
        | (lib.OCIIMG_SINK_DOCKER if docker else 0)
    )
    return ffi.new(
        "ociimg_sink_options *",
        {
            "struct_size": ffi.sizeof("ociimg_sink_options"),
            "flags": flags,
            "compression": compression,
            "level": level,
        },
    )


@dataclasses.dataclass(frozen=True)
class Progress:
    """A report of a copy. event is one of the OCIIMG_COPY_ numbers: 1 bytes of a blob were copied,
    2 a blob is done, 3 a blob was skipped, 4 a blob is written again, 5 a manifest was put, 6 a
    root was put. Bytes and blobs count configs and layers, each digest once; skipped are those
    that the target had already or that were left out. The totals grow while documents are read."""

    event: int
    descriptor: Optional[Descriptor]
    blob_bytes: int
    bytes_done: int
    bytes_skipped: int
    bytes_total: int
    blobs_done: int
    blobs_skipped: int
    blobs_total: int


def copy(
    source: Union[Index, Image],
    target: Target,
    *,
    names: Sequence[str] = (),
    sparse: bool = False,
    leave_out_missing: bool = False,
    skip_foreign: bool = False,
    check_diff_ids: bool = False,
    max_restarts: int = 0,
    threads: int = 1,
    progress: Optional[Callable[[Progress], None]] = None,
    context: Optional[Context] = None,
) -> None:
    """Copies an index with everything below it, or an image as it is now. Bytes and digests never
    change, and all is verified on the way.

    names: the names to put the root under; by default those that a layout or archive has for it.
    sparse: of a selection, its root and the selected images alone. leave_out_missing: skip what
    the source lacks. skip_foreign: no nondistributable layers. check_diff_ids: unpack layers and
    check them. max_restarts: of one blob; 0 is 3. threads: how many copy at once, this one
    included. progress: called during the copy, one call at a time. The target is not finished."""
    own = context or Context()
    items, _alive = strings(list(names))
    flags = (
        (lib.OCIIMG_COPY_SPARSE if sparse else 0)
        | (lib.OCIIMG_COPY_LEAVE_OUT_MISSING if leave_out_missing else 0)
        | (lib.OCIIMG_COPY_SKIP_FOREIGN if skip_foreign else 0)
        | (lib.OCIIMG_COPY_CHECK_DIFF_IDS if check_diff_ids else 0)
    )
    report = ffi.NULL if progress is None else ffi.new_handle(progress)
    options = ffi.new(
        "ociimg_copy_options *",
        {
            "struct_size": ffi.sizeof("ociimg_copy_options"),
            "names": items,
            "name_count": len(names),
            "flags": flags,
            "max_restarts": max_restarts,
            "progress": ffi.NULL if progress is None else lib.py_progress,
            "user_data": report,
        },
    )
    new = lib.ociimg_copy_new_image if isinstance(source, Image) else lib.ociimg_copy_new
    handle = create(
        "copy",
        lib.ociimg_copy_free,
        lambda out, err: new(source._ptr, target._ptr, options, out, err),
    )
    earlier = source._loading if isinstance(source, Index) else ()
    failures: List[BaseException] = []

    def work() -> None:
        try:
            run(lambda err: lib.ociimg_copy_run(handle, own._ptr, err), own, earlier)
        except BaseException as exception:  # noqa: B902 - raised below
            failures.append(exception)

    others = [threading.Thread(target=work) for _ in range(threads - 1)]
    for thread in others:
        thread.start()
    work()
    for thread in others:
        thread.join()
    ffi.release(handle)
    if failures:
        raise failures[0]


def _writer(stream: Any) -> Any:
    return ffi.from_handle(stream)


@callback
def py_has_blob(state: Any, descriptor: Any, present: Any, call: Any) -> int:
    def work(_: Context) -> None:
        present[0] = bool(ffi.from_handle(state).has_blob(Descriptor._copy(descriptor)))

    return guarded(call, work)


@callback
def py_begin_blob(state: Any, descriptor: Any, stream: Any, offset: Any, call: Any) -> int:
    def work(_: Context) -> None:
        begun = ffi.from_handle(state).begin_blob(Descriptor._copy(descriptor))
        writer, at = begun if isinstance(begun, tuple) else (begun, 0)
        offset[0] = at
        stream[0] = keep(writer)

    return guarded(call, work)


@callback
def py_write(state: Any, stream: Any, buf: Any, length: int, call: Any) -> int:
    return guarded(call, lambda _: _writer(stream).write(bytes(ffi.buffer(buf, length))))


@callback
def py_commit_blob(state: Any, stream: Any, call: Any) -> int:
    writer = _writer(stream)
    drop(stream)
    return guarded(call, lambda _: writer.commit())


@notification
def py_abort_blob(state: Any, stream: Any) -> None:
    writer = _writer(stream)
    drop(stream)
    with contextlib.suppress(Exception):
        writer.abort()


@callback
def py_put_manifest(state: Any, descriptor: Any, buf: Any, length: int, call: Any) -> int:
    return guarded(
        call,
        lambda _: ffi.from_handle(state).put_manifest(
            Descriptor._copy(descriptor), bytes(ffi.buffer(buf, length))
        ),
    )


@callback
def py_put_root(
    state: Any, descriptor: Any, buf: Any, length: int, name: Any, call: Any
) -> int:
    return guarded(
        call,
        lambda _: ffi.from_handle(state).put_root(
            Descriptor._copy(descriptor), bytes(ffi.buffer(buf, length)), text(name)
        ),
    )


@callback
def py_finish(state: Any, call: Any) -> int:
    return guarded(call, lambda _: ffi.from_handle(state).finish())


@callback
def py_write_archive(state: Any, buf: Any, length: int, call: Any) -> int:
    def work(_: Context) -> None:
        view = memoryview(bytes(ffi.buffer(buf, length)))
        while len(view) > 0:
            written = ffi.from_handle(state).write(view)
            # A raw file may take less; a file object that says nothing took all.
            view = view[len(view) if written is None else written :]

    return guarded(call, work)


@notification
def py_progress(user_data: Any, progress: Any) -> None:
    descriptor = progress.descriptor
    report = Progress(
        progress.event,
        None if descriptor == ffi.NULL else Descriptor._copy(descriptor),
        progress.blob_bytes,
        progress.bytes_done,
        progress.bytes_skipped,
        progress.bytes_total,
        progress.blobs_done,
        progress.blobs_skipped,
        progress.blobs_total,
    )
    with contextlib.suppress(Exception):
        ffi.from_handle(user_data)(report)
