"""Statuses as exceptions."""

from __future__ import annotations

import enum
from typing import Any, Optional

from ._ociimg import ffi, lib


class Status(enum.IntEnum):
    """How a call of the library ended."""

    OK = 0
    INVALID_ARGUMENT = 1
    NOT_FOUND = 2
    UNSUPPORTED = 3
    MALFORMED = 4
    DIGEST_MISMATCH = 5
    SIZE_MISMATCH = 6
    LIMIT_EXCEEDED = 7
    CANCELLED = 8
    CALLBACK = 9
    CALLBACK_CONTRACT = 10
    IO = 11
    NOT_AN_IMAGE = 12
    BUSY = 13
    INTERNAL = 14
    EXISTS = 15
    RESTART = 16
    CONFLICT = 17
    DENIED = 18
    UNAVAILABLE = 19


class OciimgError(Exception):
    """A failure of the library.

    A Loader or Sink may raise a subclass to say what failed: NotFoundError for a missing blob.
    """

    default_status = Status.CALLBACK

    def __init__(
        self,
        message: str = "",
        *,
        status: Optional[int] = None,
        digest: Optional[str] = None,
        errno: int = 0,
    ) -> None:
        super().__init__(message)
        self.status = self.default_status if status is None else status
        self.digest = digest
        self.errno = errno


class InvalidArgumentError(OciimgError, ValueError):
    default_status = Status.INVALID_ARGUMENT


class NotFoundError(OciimgError, LookupError):
    default_status = Status.NOT_FOUND


class UnsupportedError(OciimgError):
    default_status = Status.UNSUPPORTED


class MalformedError(OciimgError):
    default_status = Status.MALFORMED


class DigestMismatchError(OciimgError):
    default_status = Status.DIGEST_MISMATCH


class SizeMismatchError(OciimgError):
    default_status = Status.SIZE_MISMATCH


class LimitExceededError(OciimgError):
    default_status = Status.LIMIT_EXCEEDED


class CancelledError(OciimgError):
    default_status = Status.CANCELLED


class CallbackError(OciimgError):
    default_status = Status.CALLBACK


class CallbackContractError(OciimgError):
    default_status = Status.CALLBACK_CONTRACT


class IoError(OciimgError):
    default_status = Status.IO


class NotAnImageError(OciimgError):
    default_status = Status.NOT_AN_IMAGE


class BusyError(OciimgError):
    default_status = Status.BUSY


class InternalError(OciimgError):
    default_status = Status.INTERNAL


class ExistsError(OciimgError):
    default_status = Status.EXISTS


class RestartError(OciimgError):
    default_status = Status.RESTART


class ConflictError(OciimgError):
    default_status = Status.CONFLICT


class DeniedError(OciimgError):
    default_status = Status.DENIED


class UnavailableError(OciimgError):
    default_status = Status.UNAVAILABLE


class NotVerifiedError(Exception):
    """A reader was closed before its verified end; call finish() first."""


_CLASSES = {kind.default_status: kind for kind in OciimgError.__subclasses__()}


def text(pointer: Any) -> Optional[str]:
    """Text that the library lends; None for NULL."""
    return None if pointer == ffi.NULL else ffi.string(pointer).decode()


def error_of(pointer: Any) -> OciimgError:
    """The exception for an error of the library, which stays the caller's."""
    status = lib.ociimg_error_status(pointer)
    kind = _CLASSES.get(status, OciimgError)
    return kind(
        text(lib.ociimg_error_message(pointer)) or "",
        status=status,
        digest=text(lib.ociimg_error_digest(pointer)),
        errno=lib.ociimg_error_errno(pointer),
    )
