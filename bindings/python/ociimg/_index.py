"""Indexes, and how to make one."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, Callable, Iterator, List, Optional, Tuple

from ._call import Context, create, run
from ._errors import OciimgError, text
from ._image import Image, Manifest
from ._layer import Reader, mode, reader_options
from ._ociimg import ffi, lib
from ._types import Descriptor, Format, Matcher, Platform, content, encode


class Kind(enum.IntEnum):
    """What an entry of an index is."""

    NONE = 0
    IMAGE = 1
    ATTESTATION = 2
    ARTIFACT = 3
    UNKNOWN = 4
    BROKEN = 5


@dataclasses.dataclass(frozen=True)
class Entry:
    """A manifest that an index names."""

    kind: Kind
    name: Optional[str]
    platform: Optional[Platform]
    descriptor: Optional[Descriptor]
    error: Optional[OciimgError]
    """Why a broken entry is broken."""


class Index:
    """A list of images and other manifests. Several threads may use one."""

    def __init__(self, pointer: Any, loading: Tuple[Context, ...]) -> None:
        self._ptr = pointer
        # Have what callbacks raised for broken entries.
        self._loading = loading

    def close(self) -> None:
        """Frees the index. Images and readers from it stay usable."""
        if self._ptr != ffi.NULL:
            ffi.release(self._ptr)
            self._ptr = ffi.NULL

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        count: int = lib.ociimg_index_entry_count(self._ptr)
        return count

    def __getitem__(self, i: int) -> Entry:
        if not 0 <= i < len(self):
            raise IndexError(i)
        number = lib.ociimg_index_entry_kind(self._ptr, i)
        pointer = lib.ociimg_index_entry_error(self._ptr, i)
        error = None
        if pointer != ffi.NULL:
            error = Context()._error(pointer, self._loading)
            lib.ociimg_error_free(pointer)
        return Entry(
            Kind(number) if number in Kind.__members__.values() else Kind.UNKNOWN,
            text(lib.ociimg_index_entry_name(self._ptr, i)),
            Platform._take(lib.ociimg_index_entry_platform(self._ptr, i)),
            Descriptor._take(lib.ociimg_index_entry_descriptor(self._ptr, i)),
            error,
        )

    def __iter__(self) -> Iterator[Entry]:
        return (self[i] for i in range(len(self)))

    def select(self, by: Any) -> "Index":
        """The images that a machine of a Platform can run, or that a Matcher matches; best first.
        """
        matcher = Matcher.only(by) if isinstance(by, Platform) else by
        return Index(
            create(
                "index",
                lib.ociimg_index_free,
                lambda out, err: lib.ociimg_index_select_with(self._ptr, matcher._ptr, out, err),
            ),
            self._loading,
        )

    def image(self, i: int, *, context: Optional[Context] = None) -> Image:
        """Loads the image at a place. NotAnImageError where it is something else; the error of a
        broken entry."""
        if i < 0:
            raise IndexError(i)
        return self._image(
            lambda ctx, out, err: lib.ociimg_index_image(self._ptr, i, ctx, out, err), context
        )

    def image_for(
        self, platform: Optional[Platform] = None, *, context: Optional[Context] = None
    ) -> Image:
        """Loads the image that a machine of the platform runs; None is this machine. NotFoundError
        where there is none."""
        handle = ffi.NULL if platform is None else platform._handle()
        return self._image(
            lambda ctx, out, err: lib.ociimg_index_image_for(self._ptr, handle, ctx, out, err),
            context,
        )

    def _image(
        self, make: Callable[[Any, Any, Any], int], context: Optional[Context]
    ) -> Image:
        own = context or Context()
        return Image(
            create(
                "image", lib.ociimg_image_free, lambda out, err: make(own._ptr, out, err), own,
                self._loading,
            )
        )

    def manifest(self, i: int, *, context: Optional[Context] = None) -> Manifest:
        """Loads the manifest at a place, of an image, an artifact or an attestation."""
        if i < 0:
            raise IndexError(i)
        own = context or Context()
        return Manifest._copy(
            create(
                "manifest",
                lib.ociimg_manifest_free,
                lambda out, err: lib.ociimg_index_manifest(self._ptr, i, own._ptr, out, err),
                own,
                self._loading,
            )
        )

    @property
    def root_digest(self) -> str:
        """The digest of the root as it was read, "sha256:..."."""
        return text(lib.ociimg_index_root_digest(self._ptr)) or ""

    @property
    def root_is_verified(self) -> bool:
        """Whether the digest of the root was known before it was read."""
        return bool(lib.ociimg_index_root_is_verified(self._ptr))

    @property
    def root_json(self) -> bytes:
        """The bytes of the root as they were read."""
        length = ffi.new("size_t *")
        return content(lib.ociimg_index_root_json(self._ptr, length), length) or b""

    def open_blob(
        self,
        descriptor: Descriptor,
        *,
        stored: bool = True,
        max_uncompressed_size: int = 0,
        max_window_size: int = 0,
        workers: int = 0,
        context: Optional[Context] = None,
    ) -> Reader:
        """Opens any other content of the same source: layers of artifacts, configs. Its size and
        digest are checked; there is no diff ID."""
        own = context or Context()
        options = reader_options(max_uncompressed_size, max_window_size, workers)
        handle = descriptor._handle()
        return Reader(
            create(
                "reader",
                lib.ociimg_reader_free,
                lambda out, err: lib.ociimg_index_open_blob(
                    self._ptr, handle, mode(stored), options, own._ptr, out, err
                ),
                own,
                self._loading,
            ),
            own,
        )

    def builder(self) -> "IndexBuilder":
        """A builder that starts with the entries of the root, as they are written."""
        return IndexBuilder._of(
            lambda out, err: lib.ociimg_index_builder_from(self._ptr, out, err), self._loading
        )


class IndexBuilder:
    """Makes an index of images and other indexes. One thread uses it. A change that fails leaves
    it as it was."""

    def __init__(self, format: Format = Format.OCI) -> None:
        self._ptr = create(
            "index_builder",
            lib.ociimg_index_builder_free,
            lambda out, err: lib.ociimg_index_builder_new(format, out, err),
        )
        self._loading: Tuple[Context, ...] = ()

    @classmethod
    def _of(
        cls, make: Callable[[Any, Any], int], loading: Tuple[Context, ...]
    ) -> "IndexBuilder":
        builder = cls.__new__(cls)
        builder._ptr = create("index_builder", lib.ociimg_index_builder_free, make)
        builder._loading = loading
        return builder

    def __len__(self) -> int:
        count: int = lib.ociimg_index_builder_count(self._ptr)
        return count

    @property
    def descriptors(self) -> List[Optional[Descriptor]]:
        """The descriptors of the entries; None for one that cannot be read."""
        return [
            Descriptor._take(lib.ociimg_index_builder_descriptor(self._ptr, i))
            for i in range(len(self))
        ]

    def add_image(self, image: Image, platform: Optional[Platform] = None) -> None:
        """Adds an image as it is now, as the last entry. platform None is the image's own."""
        handle = ffi.NULL if platform is None else platform._handle()
        run(lambda err: lib.ociimg_index_builder_add_image(self._ptr, image._ptr, handle, err))

    def add_index(self, nested: Index) -> None:
        """Adds an index, nested in this one, as the last entry."""
        run(lambda err: lib.ociimg_index_builder_add_index(self._ptr, nested._ptr, err))
        self._loading += nested._loading

    def replace_image(self, i: int, image: Image) -> None:
        """Replaces the entry at a place with an image as it is now. Its annotations stay;
        attestations of the old image are removed."""
        run(lambda err: lib.ociimg_index_builder_replace_image(self._ptr, i, image._ptr, err))

    def remove(self, i: int) -> None:
        """Removes the entry at a place, and its attestations."""
        run(lambda err: lib.ociimg_index_builder_remove(self._ptr, i, err))

    def keep(self, matcher: Matcher) -> None:
        """Removes the images that the matcher does not match, and their attestations."""
        run(lambda err: lib.ociimg_index_builder_keep(self._ptr, matcher._ptr, err))

    def set_annotation(self, key: str, value: Optional[str]) -> None:
        """Sets an annotation of the index; None removes it."""
        run(
            lambda err: lib.ociimg_index_builder_set_annotation(
                self._ptr, encode(key), encode(value), err
            )
        )

    def set_entry_annotation(self, i: int, key: str, value: Optional[str]) -> None:
        """Sets an annotation of the entry at a place; None removes it."""
        run(
            lambda err: lib.ociimg_index_builder_set_entry_annotation(
                self._ptr, i, encode(key), encode(value), err
            )
        )

    def finish(self, *, context: Optional[Context] = None) -> Index:
        """Makes an index, like a loaded one. May call loaders, for entries whose kind or platform
        is not known yet. The builder can still be used."""
        own = context or Context()
        return Index(
            create(
                "index",
                lib.ociimg_index_free,
                lambda out, err: lib.ociimg_index_builder_finish(self._ptr, own._ptr, out, err),
                own,
                self._loading,
            ),
            self._loading + (own,),
        )
