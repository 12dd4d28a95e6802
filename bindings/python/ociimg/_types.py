"""Platforms, matchers and descriptors."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, Dict, Iterable, Optional, Sequence, Tuple

from ._call import create
from ._errors import text
from ._ociimg import ffi, lib


def version() -> str:
    """The version of the library in use."""
    return text(lib.ociimg_version()) or ""


class Format(enum.IntEnum):
    """The family of an image's documents."""

    OCI = 1
    DOCKER = 2


def encode(value: Optional[str]) -> Any:
    """Text for the library; NULL for None."""
    return ffi.NULL if value is None else ffi.new("char[]", value.encode())


def strings(values: Optional[Sequence[str]]) -> Tuple[Any, Any]:
    """A list for the library, and what keeps it alive; NULL for None."""
    if values is None:
        return ffi.NULL, None
    items = [encode(value) for value in values]
    return ffi.new("char *[]", items + [ffi.NULL]), items


def pairs(at: Any, handle: Any) -> Dict[str, str]:
    found: Dict[str, str] = {}
    key, value = ffi.new("char **"), ffi.new("char **")
    i = 0
    while at(handle, i, key, value):
        found[text(key[0]) or ""] = text(value[0]) or ""
        i += 1
    return found


def content(pointer: Any, length: Any) -> Optional[bytes]:
    return None if pointer == ffi.NULL else bytes(ffi.buffer(pointer, length[0]))


@dataclasses.dataclass(frozen=True)
class Platform:
    """What an image runs on."""

    os: Optional[str] = None
    architecture: Optional[str] = None
    variant: Optional[str] = None
    os_version: Optional[str] = None
    os_features: Tuple[str, ...] = ()

    @classmethod
    def parse(cls, specifier: str) -> "Platform":
        """Parses "linux/arm64", "arm64" or "windows(10.0.17763)/amd64"."""
        handle = create(
            "platform",
            lib.ociimg_platform_free,
            lambda out, err: lib.ociimg_platform_parse(encode(specifier), ffi.NULL, out, err),
        )
        return cls._copy(handle)

    @classmethod
    def host(cls) -> "Platform":
        """The platform of this machine."""
        return cls._copy(ffi.gc(lib.ociimg_platform_host(), lib.ociimg_platform_free))

    @classmethod
    def _copy(cls, handle: Any) -> "Platform":
        count = lib.ociimg_platform_os_feature_count(handle)
        return cls(
            text(lib.ociimg_platform_os(handle)),
            text(lib.ociimg_platform_architecture(handle)),
            text(lib.ociimg_platform_variant(handle)),
            text(lib.ociimg_platform_os_version(handle)),
            tuple(text(lib.ociimg_platform_os_feature_at(handle, i)) or "" for i in range(count)),
        )

    @classmethod
    def _take(cls, pointer: Any) -> Optional["Platform"]:
        if pointer == ffi.NULL:
            return None
        return cls._copy(ffi.gc(pointer, lib.ociimg_platform_free))

    def _handle(self) -> Any:
        features, _alive = strings(self.os_features)
        return create(
            "platform",
            lib.ociimg_platform_free,
            lambda out, err: lib.ociimg_platform_new(
                encode(self.os),
                encode(self.architecture),
                encode(self.variant),
                encode(self.os_version),
                features,
                len(self.os_features),
                out,
                err,
            ),
        )

    def __str__(self) -> str:
        return text(lib.ociimg_platform_format_all(self._handle())) or ""


class Matcher:
    """Decides which platforms match, and which is the better one."""

    def __init__(self, pointer: Any) -> None:
        self._ptr = ffi.gc(pointer, lib.ociimg_matcher_free)

    @classmethod
    def only(cls, platform: Platform) -> "Matcher":
        """Matches what a machine of the platform can run, the nearest first."""
        return cls(lib.ociimg_matcher_only(platform._handle()))

    @classmethod
    def only_strict(cls, platform: Platform) -> "Matcher":
        """Matches the platform alone, without older variants."""
        return cls(lib.ociimg_matcher_only_strict(platform._handle()))

    @classmethod
    def ordered(cls, platforms: Iterable[Platform]) -> "Matcher":
        """Matches each of the platforms, earlier ones preferred."""
        handles = [platform._handle() for platform in platforms]
        return cls(lib.ociimg_matcher_ordered(handles, len(handles)))

    @classmethod
    def any(cls, platforms: Iterable[Platform]) -> "Matcher":
        """Matches each of the platforms, without preference."""
        handles = [platform._handle() for platform in platforms]
        return cls(lib.ociimg_matcher_any(handles, len(handles)))

    @classmethod
    def all(cls) -> "Matcher":
        """Matches every platform."""
        return cls(lib.ociimg_matcher_all())

    @classmethod
    def default(cls) -> "Matcher":
        """Matches what this machine runs by default."""
        return cls(lib.ociimg_matcher_default(ffi.NULL))

    def match(self, platform: Platform) -> bool:
        """Whether a platform matches."""
        return bool(lib.ociimg_matcher_match(self._ptr, platform._handle()))


@dataclasses.dataclass(frozen=True)
class Descriptor:
    """Names a piece of content: its media type, digest and size in bytes, and more where the
    document has it."""

    media_type: str
    digest: str
    size: int
    artifact_type: Optional[str] = None
    platform: Optional[Platform] = None
    urls: Tuple[str, ...] = ()
    annotations: Dict[str, str] = dataclasses.field(default_factory=dict)
    data: Optional[bytes] = None

    @classmethod
    def _copy(cls, handle: Any) -> "Descriptor":
        length = ffi.new("size_t *")
        data = lib.ociimg_descriptor_data(handle, length)
        return cls(
            text(lib.ociimg_descriptor_media_type(handle)) or "",
            text(lib.ociimg_descriptor_digest(handle)) or "",
            lib.ociimg_descriptor_size(handle),
            text(lib.ociimg_descriptor_artifact_type(handle)),
            Platform._take(lib.ociimg_descriptor_platform(handle)),
            tuple(
                text(lib.ociimg_descriptor_url_at(handle, i)) or ""
                for i in range(lib.ociimg_descriptor_url_count(handle))
            ),
            pairs(lib.ociimg_descriptor_annotation_at, handle),
            content(data, length),
        )

    @classmethod
    def _take(cls, pointer: Any) -> Optional["Descriptor"]:
        if pointer == ffi.NULL:
            return None
        return cls._copy(ffi.gc(pointer, lib.ociimg_descriptor_free))

    def _handle(self) -> Any:
        return create(
            "descriptor",
            lib.ociimg_descriptor_free,
            lambda out, err: lib.ociimg_descriptor_new(
                encode(self.media_type), encode(self.digest), self.size, out, err
            ),
        )
