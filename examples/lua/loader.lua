#!/usr/bin/env luajit
-- loader: verifies the layers of an image with a loader in Lua, by LuaJIT's FFI. The loader reads
-- the files of a layout folder by itself.
--
--     luajit examples/lua/loader.lua LIBRARY CDEF LAYOUT
--     luajit examples/lua/loader.lua target/release/libociimg.so include/ociimg.cdef examples/sample
--
-- SPDX-License-Identifier: MIT OR Apache-2.0

local ffi = require("ffi")
local library, cdef, folder = arg[1], arg[2], arg[3]
ffi.cdef(assert(io.open(cdef)):read("*a"))
local oci = ffi.load(library)

-- The library calls back while it runs: LuaJIT must not compile the calls.
jit.off(true, true)

-- Streams are integers, since Lua values cannot be pointers.
local streams, last = {}, 0

local function open(path, stream, call)
    local file = io.open(folder .. "/" .. path, "rb")
    if not file then
        return oci.ociimg_call_fail(call, oci.OCIIMG_STATUS_NOT_FOUND, 0, path)
    end
    last = last + 1
    streams[last] = file
    stream[0] = ffi.cast("void *", last)
    return 0
end

local function blob(digest)
    return "blobs/" .. ffi.string(digest):gsub(":", "/")
end

-- An error must not leave a callback: it becomes a status with a message.
local function guarded(run)
    return function(...)
        local ok, result = pcall(run, ...)
        if ok then
            return result
        end
        local call = select(select("#", ...), ...)
        return oci.ociimg_call_fail(call, oci.OCIIMG_STATUS_CALLBACK, 0, tostring(result))
    end
end

local function key(stream)
    return tonumber(ffi.cast("intptr_t", stream))
end

local callbacks = ffi.new("ociimg_loader_vtable")
callbacks.struct_size = ffi.sizeof(callbacks)
callbacks.open_root_manifest = guarded(function(_, stream, call)
    return open("index.json", stream, call)
end)
callbacks.open_manifest = guarded(function(_, digest, stream, call)
    return open(blob(digest), stream, call)
end)
callbacks.open_blob = guarded(function(_, digest, stream, call)
    return open(blob(digest), stream, call)
end)
callbacks.read = guarded(function(_, stream, buf, cap, n, _)
    local piece = streams[key(stream)]:read(tonumber(cap)) or ""
    ffi.copy(buf, piece, #piece)
    n[0] = #piece
    return 0
end)
callbacks.close = function(_, stream)
    streams[key(stream)]:close()
    streams[key(stream)] = nil
end

local err = ffi.new("ociimg_error *[1]")
local function check(status)
    if status ~= 0 then
        local message = ffi.string(oci.ociimg_error_message(err[0]))
        oci.ociimg_error_free(err[0])
        io.stderr:write(message, "\n")
        os.exit(1)
    end
end

local loader = ffi.new("ociimg_loader *[1]")
local index = ffi.new("ociimg_index *[1]")
local image = ffi.new("ociimg_image *[1]")
local reader = ffi.new("ociimg_reader *[1]")
check(oci.ociimg_loader_new(callbacks, nil, loader, err))
check(oci.ociimg_index_load(loader[0], nil, nil, index, err))
check(oci.ociimg_index_image(index[0], 0, nil, image, err))
for i = 0, tonumber(oci.ociimg_image_layer_count(image[0])) - 1 do
    local layer = oci.ociimg_image_layer(image[0], i)
    check(oci.ociimg_layer_open(layer, oci.OCIIMG_READ_MODE_UNCOMPRESSED, nil, nil, reader, err))
    check(oci.ociimg_reader_finish(reader[0], err))
    print(ffi.string(oci.ociimg_layer_diff_id(layer)))
    oci.ociimg_reader_free(reader[0])
    oci.ociimg_layer_free(layer)
end
oci.ociimg_image_free(image[0])
oci.ociimg_index_free(index[0])
oci.ociimg_loader_free(loader[0])
