// loader: verifies the layers of an image with a loader in JavaScript, by koffi (npm install
// koffi). The loader reads the files of a layout folder by itself.
//
//     node examples/node/loader.js target/release/libociimg.so examples/sample
//
// SPDX-License-Identifier: MIT OR Apache-2.0

"use strict";

const fs = require("node:fs");
const path = require("node:path");
const koffi = require("koffi");

const [library, folder] = process.argv.slice(2);
const oci = koffi.load(library);
const NOT_FOUND = 2, CALLBACK = 9, UNCOMPRESSED = 1;

// Handles are opaque pointers. The types of the callbacks are those of ociimg_loader_vtable.
const Open = koffi.proto("int32_t ociimg_open_root(void *state, _Out_ void **stream, void *call)");
const OpenDigest = koffi.proto(
    "int32_t ociimg_open(void *state, const char *digest, _Out_ void **stream, void *call)");
const Read = koffi.proto(
    "int32_t ociimg_read(void *state, void *stream, void *buf, size_t cap, void *n, void *call)");
const Close = koffi.proto("void ociimg_close(void *state, void *stream)");
const Vtable = koffi.struct("ociimg_loader_vtable", {
    struct_size: "size_t",
    root_digest: "void *",
    open_root_manifest: koffi.pointer(Open),
    open_manifest: koffi.pointer(OpenDigest),
    open_blob: koffi.pointer(OpenDigest),
    read: koffi.pointer(Read),
    close: koffi.pointer(Close),
    destroy: "void *",
});

const fail = oci.func(
    "int32_t ociimg_call_fail(void *call, int32_t status, int64_t code, const char *message)");
const message = oci.func("const char *ociimg_error_message(void *err)");
const freeError = oci.func("void ociimg_error_free(void *err)");

// Streams are small integers, as pointers that the library never follows.
const streams = new Map();
let last = 0;

function open(name, stream, call) {
    try {
        const file = fs.openSync(path.join(folder, name));
        streams.set(BigInt(++last), file);
        koffi.encode(stream, "void *", BigInt(last));
        return 0;
    } catch (e) {
        // An exception must not leave a callback: it becomes a status.
        return fail(call, e.code === "ENOENT" ? NOT_FOUND : CALLBACK, 0, e.message);
    }
}

const key = (stream) => BigInt(koffi.address(stream));
const blob = (digest) => path.join("blobs", ...digest.split(":"));
const keep = (type, run) => koffi.register(run, koffi.pointer(type));
const openDigest = (state, digest, stream, call) => open(blob(digest), stream, call);
const callbacks = {
    struct_size: koffi.sizeof(Vtable),
    root_digest: null,
    open_root_manifest: keep(Open, (state, stream, call) => open("index.json", stream, call)),
    open_manifest: keep(OpenDigest, openDigest),
    open_blob: keep(OpenDigest, openDigest),
    read: keep(Read, (state, stream, buf, cap, n, call) => {
        try {
            const into = new Uint8Array(koffi.view(buf, Number(cap)));
            const read = fs.readSync(streams.get(key(stream)), into);
            koffi.encode(n, "size_t", read);
            return 0;
        } catch (e) {
            return fail(call, CALLBACK, 0, e.message);
        }
    }),
    close: keep(Close, (state, stream) => {
        fs.closeSync(streams.get(key(stream)));
        streams.delete(key(stream));
    }),
    destroy: null,
};

// Runs a function whose last two parameters are the new handle and the error.
function create(declaration, ...args) {
    const out = [null], err = [null];
    if (oci.func(declaration)(...args, out, err) !== 0) {
        const text = message(err[0]);
        freeError(err[0]);
        throw new Error(text);
    }
    return out[0];
}

const loader = create(
    "int32_t ociimg_loader_new(ociimg_loader_vtable *table, void *state, _Out_ void **out, _Out_ void **err)",
    callbacks, null);
const index = create(
    "int32_t ociimg_index_load(void *loader, void *opts, void *ctx, _Out_ void **out, _Out_ void **err)",
    loader, null, null);
const image = create(
    "int32_t ociimg_index_image(void *index, size_t i, void *ctx, _Out_ void **out, _Out_ void **err)",
    index, 0, null);
const count = oci.func("size_t ociimg_image_layer_count(void *image)")(image);
for (let i = 0; i < count; i++) {
    const layer = oci.func("void *ociimg_image_layer(void *image, size_t i)")(image, i);
    const reader = create(
        "int32_t ociimg_layer_open(void *layer, int32_t mode, void *opts, void *ctx, _Out_ void **out, _Out_ void **err)",
        layer, UNCOMPRESSED, null, null);
    const err = [null];
    if (oci.func("int32_t ociimg_reader_finish(void *reader, _Out_ void **err)")(reader, err) !== 0)
        throw new Error(message(err[0]));
    console.log(oci.func("const char *ociimg_layer_diff_id(void *layer)")(layer));
    oci.func("void ociimg_reader_free(void *reader)")(reader);
    oci.func("void ociimg_layer_free(void *layer)")(layer);
}
oci.func("void ociimg_image_free(void *image)")(image);
oci.func("void ociimg_index_free(void *index)")(index);
oci.func("void ociimg_loader_free(void *loader)")(loader);
