"""Loads, changes and writes OCI and Docker container images, every byte verified.

Open a layout folder or archive with :func:`open`, or write a :class:`Loader` for a source of your
own. Handles are context managers, and are freed with the object otherwise. Errors are
:class:`OciimgError`; an exception that a callback raises comes back as itself.
"""

from ._errors import (
    BusyError,
    CallbackContractError,
    CallbackError,
    CancelledError,
    ConflictError,
    DeniedError,
    DigestMismatchError,
    ExistsError,
    InternalError,
    InvalidArgumentError,
    IoError,
    LimitExceededError,
    MalformedError,
    NotAnImageError,
    NotFoundError,
    NotVerifiedError,
    OciimgError,
    RestartError,
    SizeMismatchError,
    Status,
    UnavailableError,
    UnsupportedError,
)
from ._call import Context
from ._image import Config, History, Image, Manifest
from ._index import Entry, Index, IndexBuilder, Kind
from ._layer import Compression, Layer, LayerWriter, Reader, layer_from_file
from ._loader import Loader, Source, open
from ._sink import BlobWriter, Progress, Sink, Target, copy
from ._types import Descriptor, Format, Matcher, Platform, version

__all__ = [
    "BlobWriter",
    "BusyError",
    "CallbackContractError",
    "CallbackError",
    "CancelledError",
    "Compression",
    "Config",
    "ConflictError",
    "Context",
    "DeniedError",
    "Descriptor",
    "DigestMismatchError",
    "Entry",
    "ExistsError",
    "Format",
    "History",
    "Image",
    "Index",
    "IndexBuilder",
    "InternalError",
    "InvalidArgumentError",
    "IoError",
    "Kind",
    "Layer",
    "LayerWriter",
    "LimitExceededError",
    "Loader",
    "MalformedError",
    "Manifest",
    "Matcher",
    "NotAnImageError",
    "NotFoundError",
    "NotVerifiedError",
    "OciimgError",
    "Platform",
    "Progress",
    "Reader",
    "RestartError",
    "Sink",
    "SizeMismatchError",
    "Source",
    "Status",
    "Target",
    "UnavailableError",
    "UnsupportedError",
    "copy",
    "layer_from_file",
    "open",
    "version",
]
