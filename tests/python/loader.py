"""A loader in Python, over ctypes: loads an image from a dictionary and reads its layer.

An exception in a ctypes callback is printed, and the callback returns what stood on the
stack, with its outputs untouched. The library sees to it that this is 0, which is OK to C,
and must not take it for an empty stream.
"""

import ctypes
import hashlib
import json
import sys
from ctypes import (
    CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint8,
    c_uint64, c_void_p,
)

OK, NOT_FOUND, CALLBACK_CONTRACT = 0, 2, 10

ROOT_DIGEST = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t, c_void_p)
OPEN_ROOT = CFUNCTYPE(c_int32, c_void_p, POINTER(c_void_p), c_void_p)
OPEN = CFUNCTYPE(c_int32, c_void_p, c_char_p, POINTER(c_void_p), c_void_p)
READ = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p, c_size_t, POINTER(c_size_t), c_void_p)
CLOSE = CFUNCTYPE(None, c_void_p, c_void_p)
DESTROY = CFUNCTYPE(None, c_void_p)


class Vtable(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("root_digest", ROOT_DIGEST),
        ("open_root_manifest", OPEN_ROOT),
        ("open_manifest", OPEN),
        ("open_blob", OPEN),
        ("read", READ),
        ("close", CLOSE),
        ("destroy", DESTROY),
    ]


ociimg = ctypes.CDLL(sys.argv[1])
out = POINTER(c_void_p)
for name, result, arguments in [
    ("loader_new", c_int32, [POINTER(Vtable), c_void_p, out, out]),
    ("loader_free", None, [c_void_p]),
    ("index_load", c_int32, [c_void_p, c_void_p, c_void_p, out, out]),
    ("index_root_is_verified", ctypes.c_int32, [c_void_p]),
    ("index_image", c_int32, [c_void_p, c_size_t, c_void_p, out, out]),
    ("index_free", None, [c_void_p]),
    ("image_layer", c_void_p, [c_void_p, c_size_t]),
    ("image_free", None, [c_void_p]),
    ("layer_open", c_int32, [c_void_p, c_int32, c_void_p, c_void_p, out, out]),
    ("layer_size", c_uint64, [c_void_p]),
    ("layer_free", None, [c_void_p]),
    ("reader_read", c_int32, [c_void_p, c_void_p, c_size_t, POINTER(c_size_t), out]),
    ("reader_is_verified", ctypes.c_int32, [c_void_p]),
    ("reader_free", None, [c_void_p]),
    ("error_message", c_char_p, [c_void_p]),
    ("error_callback_code", c_int64, [c_void_p]),
    ("error_free", None, [c_void_p]),
    ("call_fail", c_int32, [c_void_p, c_int32, c_int64, c_char_p]),
]:
    function = getattr(ociimg, "ociimg_" + name)
    function.restype, function.argtypes = result, arguments


class Source:
    """Blobs by digest; streams are numbers. `raises` names a callback that raises."""

    def __init__(self, raises=None):
        self.blobs, self.streams, self.raises = {}, {}, raises
        self.opened = self.destroyed = 0
        layer = bytes(range(256)) * 1000
        config = self.put(json.dumps({
            "os": "linux", "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": [self.put(layer)["digest"]]},
        }).encode(), "application/vnd.oci.image.config.v1+json")
        self.layer = layer
        self.root = self.put(json.dumps({
            "schemaVersion": 2, "config": config,
            "layers": [self.put(layer, "application/vnd.oci.image.layer.v1.tar")],
        }).encode())["digest"]
        self.vtable = Vtable(
            ctypes.sizeof(Vtable), ROOT_DIGEST(self.root_digest),
            OPEN_ROOT(lambda state, stream, call: self.open(
                "open_root_manifest", self.root, stream, call)),
            OPEN(lambda state, digest, stream, call: self.open(
                "open_manifest", digest.decode(), stream, call)),
            OPEN(lambda state, digest, stream, call: self.open(
                "open_blob", digest.decode(), stream, call)),
            READ(self.read), CLOSE(self.close), DESTROY(self.destroy),
        )

    def put(self, content, media_type="text/plain"):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def called(self, callback):
        if callback == self.raises:
            raise RuntimeError("meant to be raised in " + callback)

    def root_digest(self, state, buf, cap, call):
        self.called("root_digest")
        digest = self.root.encode()
        assert len(digest) < cap
        ctypes.memmove(buf, digest, len(digest))
        return OK

    def open(self, callback, digest, stream, call):
        self.called(callback)
        content = self.blobs.get(digest)
        if content is None:
            return ociimg.ociimg_call_fail(call, NOT_FOUND, 404, b"no such content")
        self.opened += 1
        stream[0] = self.opened
        self.streams[self.opened] = content
        return OK

    def read(self, state, stream, buf, cap, n, call):
        self.called("read")
        piece = self.streams[stream][:min(cap, 10000)]
        self.streams[stream] = self.streams[stream][len(piece):]
        ctypes.memmove(buf, piece, len(piece))
        n[0] = len(piece)
        return OK

    def close(self, state, stream):
        del self.streams[stream]  # A second close would raise.

    def destroy(self, state):
        self.destroyed += 1


def failed(status, err):
    message = ociimg.ociimg_error_message(err).decode()
    code = ociimg.ociimg_error_callback_code(err)
    ociimg.ociimg_error_free(err)
    return status, code, message


def read_layer(source):
    """The bytes of the only layer, or how it failed."""
    loader, index, image, reader, err = (c_void_p() for _ in range(5))
    layer = None
    assert ociimg.ociimg_loader_new(byref(source.vtable), None, byref(loader), byref(err)) == OK
    try:
        status = ociimg.ociimg_index_load(loader, None, None, byref(index), byref(err))
        if status != OK:
            return failed(status, err)
        assert ociimg.ociimg_index_root_is_verified(index)
        status = ociimg.ociimg_index_image(index, 0, None, byref(image), byref(err))
        if status != OK:
            return failed(status, err)
        layer = ociimg.ociimg_image_layer(image, 0)
        status = ociimg.ociimg_layer_open(layer, 0, None, None, byref(reader), byref(err))
        if status != OK:
            return failed(status, err)
        content, buf, n = b"", (c_uint8 * 70000)(), c_size_t()
        while True:
            status = ociimg.ociimg_reader_read(reader, buf, len(buf), byref(n), byref(err))
            if status != OK:
                return failed(status, err)
            if n.value == 0:
                assert ociimg.ociimg_reader_is_verified(reader)
                assert len(content) == ociimg.ociimg_layer_size(layer)
                return content
            content += bytes(buf[:n.value])
    finally:
        ociimg.ociimg_loader_free(loader)
        ociimg.ociimg_index_free(index)
        ociimg.ociimg_image_free(image)
        ociimg.ociimg_layer_free(layer)
        ociimg.ociimg_reader_free(reader)
        assert source.streams == {}, "streams are left open"
        assert source.destroyed == 1


def main():
    source = Source()
    assert read_layer(source) == source.layer

    source = Source()
    del source.blobs["sha256:" + hashlib.sha256(source.layer).hexdigest()]
    status, code, message = read_layer(source)
    assert (status, code) == (NOT_FOUND, 404) and "no such content" in message, message

    # Exceptions are printed by ctypes; that is not what this is about.
    sys.unraisablehook = lambda raised: None
    for callback in ["open_root_manifest", "open_blob", "read"]:
        status, code, message = read_layer(Source(raises=callback))
        assert status == CALLBACK_CONTRACT, (callback, status, message)
        assert code == 0 and callback in message, message
    print("all went well")


main()
