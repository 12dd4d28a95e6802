"""What a call of the library carries to the callbacks that run in it."""

from __future__ import annotations

import itertools
from typing import Any, Callable, Dict, Optional, Sequence, TypeVar

from ._errors import OciimgError, Status, error_of
from ._ociimg import ffi, lib


# An error of the library may outlive its call (a broken entry keeps its own), so the codes of
# failures are unique in the process.
CODES = itertools.count(1)


class Context:
    """Cancels calls: cancel() may be called from any thread."""

    def __init__(self) -> None:
        self._exceptions: Dict[int, BaseException] = {}
        self._handle = ffi.new_handle(self)
        self._ptr = ffi.gc(
            lib.ociimg_context_new(self._handle, ffi.NULL), lib.ociimg_context_free
        )

    def cancel(self) -> None:
        """Cancels every call that has this context, now and later. Any thread."""
        lib.ociimg_context_cancel(self._ptr)

    @property
    def cancelled(self) -> bool:
        """Whether cancel() was called."""
        return bool(lib.ociimg_context_is_cancelled(self._ptr))

    def _fail(self, exception: BaseException, call: Any) -> int:
        """Records why a callback fails; the status for the library."""
        status = Status.CALLBACK
        if isinstance(exception, OciimgError):
            # A number of the program's own has no meaning to the library.
            known = exception.status in Status.__members__.values()
            status = Status(exception.status) if known else Status.CALLBACK
        elif isinstance(exception, FileNotFoundError):
            status = Status.NOT_FOUND
        elif isinstance(exception, PermissionError):
            status = Status.DENIED
        code = next(CODES)
        self._exceptions[code] = exception
        try:
            message = f"{type(exception).__name__}: {exception}".encode("utf-8", "replace")
        except Exception:  # __str__ may raise, too
            message = type(exception).__name__.encode("utf-8", "replace")
        result: int = lib.ociimg_call_fail(call, status, code, message.replace(b"\0", b"\\0"))
        return result

    def _error(self, pointer: Any, earlier: Sequence[Context] = ()) -> OciimgError:
        """The exception for an error, with what a callback raised as its cause, in this call or
        an earlier one."""
        error = error_of(pointer)
        code = lib.ociimg_error_callback_code(pointer)
        for context in (self, *earlier):
            if code in context._exceptions:
                error.__cause__ = context._exceptions[code]
                break
        return error


def check(
    status: int,
    err: Any,
    context: Optional[Context] = None,
    earlier: Sequence[Context] = (),
) -> None:
    """Raises for a status that is not OK. What a callback raised comes back as itself."""
    if status == Status.OK:
        return
    error = (context or Context())._error(err[0], earlier)
    lib.ociimg_error_free(err[0])
    err[0] = ffi.NULL
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
    earlier: Sequence[Context] = (),
) -> Any:
    """Runs a function that makes a handle; it is freed with the Python object."""
    out, err = ffi.new(f"ociimg_{kind} **"), ffi.new("ociimg_error **")
    check(make(out, err), err, context, earlier)
    return ffi.gc(out[0], free)


def run(
    call: Callable[[Any], int],
    context: Optional[Context] = None,
    earlier: Sequence[Context] = (),
) -> None:
    """Runs a function that makes no handle."""
    err = ffi.new("ociimg_error **")
    check(call(err), err, context, earlier)


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


Function = TypeVar("Function", bound=Callable[..., Any])


def callback(function: Function) -> Function:
    """Makes a function that returns a status the one that C calls by its name."""
    ffi.def_extern(error=int(Status.CALLBACK))(function)
    return function


def notification(function: Function) -> Function:
    """Makes a function that returns nothing the one that C calls by its name."""
    ffi.def_extern()(function)
    return function
