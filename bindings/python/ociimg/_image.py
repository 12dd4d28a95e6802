"""Images, their configuration, and manifests."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ._call import create, run
from ._errors import text
from ._layer import Layer
from ._ociimg import ffi, lib
from ._types import Descriptor, Format, Platform, content, encode, pairs, strings


@dataclasses.dataclass(frozen=True)
class History:
    """One step of an image's history."""

    created: Optional[str]
    created_by: Optional[str]
    author: Optional[str]
    comment: Optional[str]
    empty_layer: bool
    layer: Optional[int]
    """The layer that the step made, or None."""


@dataclasses.dataclass(frozen=True)
class Config:
    """An image configuration."""

    created: Optional[str]
    author: Optional[str]
    user: Optional[str]
    working_dir: Optional[str]
    stop_signal: Optional[str]
    env: Tuple[str, ...]
    entrypoint: Tuple[str, ...]
    cmd: Tuple[str, ...]
    exposed_ports: Tuple[str, ...]
    volumes: Tuple[str, ...]
    labels: Dict[str, str]
    history: Tuple[History, ...]
    platform: Optional[Platform]


def _config(c: Any) -> Config:
    def one(name: str) -> Optional[str]:
        return text(getattr(lib, f"ociimg_config_{name}")(c))

    def several(name: str) -> Tuple[str, ...]:
        count = getattr(lib, f"ociimg_config_{name}_count")(c)
        at = getattr(lib, f"ociimg_config_{name}_at")
        return tuple(text(at(c, i)) or "" for i in range(count))

    def step(i: int) -> History:
        layer = ffi.new("size_t *")
        made = lib.ociimg_config_history_layer(c, i, layer)
        return History(
            text(lib.ociimg_config_history_created(c, i)),
            text(lib.ociimg_config_history_created_by(c, i)),
            text(lib.ociimg_config_history_author(c, i)),
            text(lib.ociimg_config_history_comment(c, i)),
            bool(lib.ociimg_config_history_empty_layer(c, i)),
            layer[0] if made else None,
        )

    return Config(
        one("created"),
        one("author"),
        one("user"),
        one("working_dir"),
        one("stop_signal"),
        several("env"),
        several("entrypoint"),
        several("cmd"),
        several("exposed_port"),
        several("volume"),
        pairs(lib.ociimg_config_label_at, c),
        tuple(step(i) for i in range(lib.ociimg_config_history_count(c))),
        Platform._take(lib.ociimg_config_platform(c)),
    )


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Any manifest as it is: of an image, artifact or attestation."""

    digest: str
    media_type: str
    artifact_type: Optional[str]
    config: Optional[Descriptor]
    subject: Optional[Descriptor]
    layers: Tuple[Descriptor, ...]
    annotations: Dict[str, str]
    json: bytes

    @classmethod
    def _copy(cls, m: Any) -> "Manifest":
        length = ffi.new("size_t *")
        layers = (
            Descriptor._take(lib.ociimg_manifest_layer(m, i))
            for i in range(lib.ociimg_manifest_layer_count(m))
        )
        document = lib.ociimg_manifest_json(m, length)
        return cls(
            text(lib.ociimg_manifest_digest(m)) or "",
            text(lib.ociimg_manifest_media_type(m)) or "",
            text(lib.ociimg_manifest_artifact_type(m)),
            Descriptor._take(lib.ociimg_manifest_config(m)),
            Descriptor._take(lib.ociimg_manifest_subject(m)),
            tuple(layer for layer in layers if layer is not None),
            pairs(lib.ociimg_manifest_annotation_at, m),
            content(document, length) or b"",
        )


class Image:
    """An image for one platform. Several threads may read one at once; changing it needs exclusive
    use, else BusyError. A change that fails leaves the image as it was. None as a value removes
    what a setter sets."""

    def __init__(self, pointer: Any) -> None:
        self._ptr = pointer

    @classmethod
    def new(cls, platform: Platform, format: Format = Format.OCI) -> "Image":
        """Makes an image without layers."""
        return cls(
            create(
                "image",
                lib.ociimg_image_free,
                lambda out, err: lib.ociimg_image_new(format, platform._handle(), out, err),
            )
        )

    def clone(self) -> "Image":
        """An independent copy."""
        return Image(ffi.gc(lib.ociimg_image_clone(self._ptr), lib.ociimg_image_free))

    def close(self) -> None:
        """Frees the image. Layers from it stay usable."""
        if self._ptr != ffi.NULL:
            ffi.release(self._ptr)
            self._ptr = ffi.NULL

    def __enter__(self) -> "Image":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def platform(self) -> Optional[Platform]:
        """The platform: the one in its index, as written, else the config's."""
        return Platform._take(lib.ociimg_image_platform(self._ptr))

    @property
    def layers(self) -> List[Layer]:
        """The layers, lowest first."""
        return [
            Layer(ffi.gc(lib.ociimg_image_layer(self._ptr, i), lib.ociimg_layer_free))
            for i in range(lib.ociimg_image_layer_count(self._ptr))
        ]

    @property
    def annotations(self) -> Dict[str, str]:
        """The annotations of the manifest, in the order of the document."""
        return pairs(lib.ociimg_image_annotation_at, self._ptr)

    @property
    def config(self) -> Config:
        """A copy of the configuration as it is now."""
        return _config(ffi.gc(lib.ociimg_image_config(self._ptr), lib.ociimg_config_free))

    @property
    def manifest(self) -> Manifest:
        """A copy of the manifest as it is now."""
        return Manifest._copy(
            ffi.gc(lib.ociimg_image_manifest(self._ptr), lib.ociimg_manifest_free)
        )

    @property
    def manifest_json(self) -> bytes:
        """The manifest; of an unchanged image the bytes that were loaded."""
        length = ffi.new("size_t *")
        return content(lib.ociimg_image_manifest_json(self._ptr, length), length) or b""

    @property
    def config_json(self) -> bytes:
        """The config; of an unchanged image the bytes that were loaded."""
        length = ffi.new("size_t *")
        return content(lib.ociimg_image_config_json(self._ptr, length), length) or b""

    @property
    def manifest_digest(self) -> str:
        """The digest of the manifest, "sha256:..."."""
        return text(lib.ociimg_image_manifest_digest(self._ptr)) or ""

    @property
    def config_digest(self) -> str:
        """The digest of the config, "sha256:..."."""
        return text(lib.ociimg_image_config_digest(self._ptr)) or ""

    def _set(self, setter: Callable[..., int], *values: Any) -> None:
        run(lambda err: setter(self._ptr, *values, err))

    def append_layer(
        self,
        layer: Layer,
        *,
        created: Optional[str] = None,
        created_by: Optional[str] = None,
        author: Optional[str] = None,
        comment: Optional[str] = None,
        media_type: Optional[str] = None,
        history: Optional[bool] = None,
    ) -> None:
        """Adds a layer on top. created (RFC 3339), created_by, author and comment are those of its
        step of history. history: True and False decide whether it gets one; None adds one if the
        history fits the layers. media_type: by default that of the image's format for the layer's
        compression."""
        options, _alive = _step(created, created_by, author, comment, media_type, history)
        self._set(lib.ociimg_image_append_layer, layer._ptr, options)

    def add_history(
        self,
        *,
        created: Optional[str] = None,
        created_by: Optional[str] = None,
        author: Optional[str] = None,
        comment: Optional[str] = None,
    ) -> None:
        """Adds a step of history that made no layer."""
        options, _alive = _step(created, created_by, author, comment, None, None)
        self._set(lib.ociimg_image_add_history, options)

    def replace_layer(self, i: int, layer: Layer) -> None:
        """Replaces the layer at a place; the history stays."""
        self._set(lib.ociimg_image_replace_layer, i, layer._ptr)

    def remove_layer(self, i: int) -> None:
        """Removes the layer at a place, and its step if the history fits the layers."""
        self._set(lib.ociimg_image_remove_layer, i)

    def set_platform(self, platform: Platform) -> None:
        """Sets the platform in the config; parts that the platform lacks are removed."""
        self._set(lib.ociimg_image_set_platform, platform._handle())

    def set_created(self, value: Optional[str]) -> None:
        """Sets the time of creation (RFC 3339: "2006-01-02T15:04:05Z")."""
        self._set(lib.ociimg_image_set_created, encode(value))

    def set_author(self, value: Optional[str]) -> None:
        """Sets the author."""
        self._set(lib.ociimg_image_set_author, encode(value))

    def set_user(self, value: Optional[str]) -> None:
        """Sets the user that the command runs as."""
        self._set(lib.ociimg_image_set_user, encode(value))

    def set_working_dir(self, value: Optional[str]) -> None:
        """Sets the folder that the command starts in."""
        self._set(lib.ociimg_image_set_working_dir, encode(value))

    def set_stop_signal(self, value: Optional[str]) -> None:
        """Sets the signal that stops a container."""
        self._set(lib.ociimg_image_set_stop_signal, encode(value))

    def set_entrypoint(self, words: Optional[Sequence[str]]) -> None:
        """Sets the entrypoint; an empty list writes []. The command stays."""
        items, _alive = strings(words)
        self._set(lib.ociimg_image_set_entrypoint, items, len(words or ()))

    def set_cmd(self, words: Optional[Sequence[str]]) -> None:
        """Sets the command; an empty list writes []. The entrypoint stays."""
        items, _alive = strings(words)
        self._set(lib.ociimg_image_set_cmd, items, len(words or ()))

    def set_env(self, name: str, value: Optional[str]) -> None:
        """Sets a variable of the environment: in its place, or as the last."""
        self._set(lib.ociimg_image_set_env, encode(name), encode(value))

    def set_label(self, key: str, value: Optional[str]) -> None:
        """Sets a label: in its place, or as the last."""
        self._set(lib.ociimg_image_set_label, encode(key), encode(value))

    def set_annotation(self, key: str, value: Optional[str]) -> None:
        """Sets an annotation of the manifest: in its place, or as the last."""
        self._set(lib.ociimg_image_set_annotation, encode(key), encode(value))

    def set_exposed_port(self, port: str, present: bool = True) -> None:
        """Adds or removes a port that a container exposes, for example "80/tcp"."""
        self._set(lib.ociimg_image_set_exposed_port, encode(port), present)

    def set_volume(self, path: str, present: bool = True) -> None:
        """Adds or removes a folder at which a container mounts a volume."""
        self._set(lib.ociimg_image_set_volume, encode(path), present)

    def set_config_member(self, name: str, json: Optional[bytes]) -> None:
        """Sets a member of the config's "config" object, for example "Healthcheck", to JSON."""
        data = ffi.NULL if json is None else ffi.from_buffer("uint8_t[]", json)
        self._set(lib.ociimg_image_set_config_member, encode(name), data, len(json or b""))

    def set_config_json(self, json: bytes) -> None:
        """Replaces the config document. Its diff IDs must be those of the layers."""
        self._set(
            lib.ociimg_image_set_config_json, ffi.from_buffer("uint8_t[]", json), len(json)
        )

    def convert(self, format: Format) -> None:
        """Changes the media types of manifest, config and layers, and nothing else. Reads no
        layer."""
        self._set(lib.ociimg_image_convert, format)


def _step(
    created: Optional[str],
    created_by: Optional[str],
    author: Optional[str],
    comment: Optional[str],
    media_type: Optional[str],
    history: Optional[bool],
) -> Any:
    texts = [encode(value) for value in (created, created_by, author, comment, media_type)]
    options = ffi.new(
        "ociimg_append_options *",
        {
            "struct_size": ffi.sizeof("ociimg_append_options"),
            "created": texts[0],
            "created_by": texts[1],
            "author": texts[2],
            "comment": texts[3],
            "media_type": texts[4],
            "history": {None: 0, True: 1, False: 2}[history],
        },
    )
    return options, texts
