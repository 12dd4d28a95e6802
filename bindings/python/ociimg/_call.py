"""What a call of the library carries to the callbacks that run in it."""

from __future__ import annotations

from typing import Any, Callable, List, Optional

from ._errors import OciimgError, Status, error_of
from ._ociimg import ffi, lib


class Context:
    """Cancels calls: cancel() may be called from any thread."""

    def __init__(self) -> None:
        self._exceptions: List[BaseException] = []
        self._handle = ffi.new_handle(self)
        self._ptr = ffi.gc(
            lib.ociimg_context_new(self._handle, ffi.NULL), lib.ociimg_context_free
        )

    def cancel(self) -> None:
        lib.ociimg_context_cancel(self._ptr)

    @property
    def cancelled(self) -> bool:
        return bool(lib.ociimg_context_is_cancelled(self._ptr))

    def _fail(self, exception: BaseException, call: Any) -> int:
        """Records why a callback fails; the status for the library."""
        status = Status.CALLBACK
        if isinstance(exception, OciimgError):
            status = Status(exception.status)
        elif isinstance(exception, FileNotFoundError):
            status = Status.NOT_FOUND
        elif isinstance(exception, PermissionError):
            status = Status.DENIED
        self._exceptions.append(exception)
        message = f"{type(exception).__name__}: {exception}".encode("utf-8", "replace")
        result: int = lib.ociimg_call_fail(
            call, status, len(self._exceptions), message.replace(b"\0", b"\\0")
        )
        return result

    def _cause(self, code: int) -> Optional[BaseException]:
        if 1 <= code <= len(self._exceptions):
            return self._exceptions[code - 1]
        return None

    def _error(self, pointer: Any) -> OciimgError:
        """The exception for an error, with what a callback raised as its cause."""
        error = error_of(pointer)
        error.__cause__ = self._cause(lib.ociimg_error_callback_code(pointer))
        return error


def check(status: int, err: Any, context: Optional[Context] = None) -> None:
    """Raises for a status that is not OK. What a callback raised comes back as itself."""
    if status == Status.OK:
        return
    error = (context or Context())._error(err[0])
    lib.ociimg_error_free(err[0])
    cause = error.__cause__
    if cause is not None and not isinstance(cause, OciimgError):
        if hasattr(cause, "add_note"):
            cause.add_note(str(error))
        raise cause
    raise error


def create(
    kind: str,
    free: Callable[[Any], None],
    make: Callable[[Any, Any], int],
    context: Optional[Context] = None,
) -> Any:
    """Runs a function that makes a handle; it is freed with the Python object."""
    out, err = ffi.new(f"ociimg_{kind} **"), ffi.new("ociimg_error **")
    check(make(out, err), err, context)
    return ffi.gc(out[0], free)


def run(call: Callable[[Any], int], context: Optional[Context] = None) -> None:
    """Runs a function that makes no handle."""
    err = ffi.new("ociimg_error **")
    check(call(err), err, context)


def context_of(call: Any) -> Context:
    """The context of the call that runs a callback."""
    user_data = lib.ociimg_call_user_data(call)
    if user_data == ffi.NULL:
        return Context()
    context: Context = ffi.from_handle(user_data)
    return context


def guarded(call: Any, callback: Callable[[Context], None]) -> int:
    """Runs what a callback does; an exception becomes a status."""
    context = context_of(call)
    try:
        callback(context)
        return Status.OK
    except BaseException as exception:  # noqa: B902 - nothing may unwind into C
        return context._fail(exception, call)
