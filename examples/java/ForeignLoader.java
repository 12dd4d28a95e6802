// ForeignLoader: what Loader.java does, by java.lang.foreign, which Java has from 22 on.
//     java --enable-native-access=ALL-UNNAMED ForeignLoader.java libociimg.so examples/sample
// SPDX-License-Identifier: MIT OR Apache-2.0

import static java.lang.foreign.ValueLayout.*;
import java.io.*;
import java.lang.foreign.*;
import java.lang.invoke.MethodHandles;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

public class ForeignLoader {
    static final int NOT_FOUND = 2, CALLBACK = 9, UNCOMPRESSED = 1;
    static final MemorySegment NULL = MemorySegment.NULL;
    static final Linker linker = Linker.nativeLinker();
    static final Arena arena = Arena.global();
    static SymbolLookup library; static Path folder;
    // Streams are small integers, as pointers that the library never follows.
    static final Map<Long, InputStream> streams = new ConcurrentHashMap<>();
    static final AtomicLong last = new AtomicLong();

    /** Calls a function of the library; the arguments say of which types it is. */
    static Object call(String name, MemoryLayout returned, Object... arguments) {
        MemoryLayout[] types = Arrays.stream(arguments)
            .map(a -> a instanceof Integer ? JAVA_INT : a instanceof Long ? JAVA_LONG : ADDRESS).toArray(MemoryLayout[]::new);
        var type = returned == null ? FunctionDescriptor.ofVoid(types) : FunctionDescriptor.of(returned, types);
        try {
            return linker.downcallHandle(library.find(name).orElseThrow(), type).invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new IllegalStateException(name, e);
        }
    }
    static String text(Object pointer) {
        return ((MemorySegment) pointer).reinterpret(Long.MAX_VALUE).getString(0);
    }

    /** Ends a callback; an exception that left it would end the JVM. */
    static int fail(MemorySegment call, Throwable e) {
        int status = e instanceof NoSuchFileException ? NOT_FOUND : CALLBACK;
        return (int) call("ociimg_call_fail", JAVA_INT, call, status, 0L, Arena.ofAuto().allocateFrom(e.toString()));
    }

    static int open(Path path, MemorySegment stream, MemorySegment call) {
        try {
            long key = last.incrementAndGet();
            streams.put(key, Files.newInputStream(folder.resolve(path)));
            stream.reinterpret(8).set(JAVA_LONG, 0, key);
            return 0;
        } catch (Throwable e) {
            return fail(call, e);
        }
    }
    static int openRoot(MemorySegment state, MemorySegment stream, MemorySegment call) {
        return open(Path.of("index.json"), stream, call);
    }
    static int openDigest(MemorySegment state, MemorySegment digest, MemorySegment stream, MemorySegment call) {
        return open(Path.of("blobs", text(digest).split(":")), stream, call);
    }
    static int read(MemorySegment state, MemorySegment stream, MemorySegment buf, long cap, MemorySegment n, MemorySegment call) {
        try {
            byte[] bytes = streams.get(stream.address()).readNBytes((int) Math.min(cap, 1 << 16));
            MemorySegment.copy(bytes, 0, buf.reinterpret(cap), JAVA_BYTE, 0, bytes.length);
            n.reinterpret(8).set(JAVA_LONG, 0, bytes.length);
            return 0;
        } catch (Throwable e) {
            return fail(call, e);
        }
    }
    static void close(MemorySegment state, MemorySegment stream) {
        try (InputStream closed = streams.remove(stream.address())) { } catch (IOException e) { }
    }

    /** A C function that calls a method of this class. */
    static MemorySegment callback(String name, MemoryLayout... arguments) throws Throwable {
        var type = name.equals("close") ? FunctionDescriptor.ofVoid(arguments) : FunctionDescriptor.of(JAVA_INT, arguments);
        var method = MethodHandles.lookup().findStatic(ForeignLoader.class, name, type.toMethodType());
        return linker.upcallStub(method, type, arena);
    }

    /** Calls a function whose last arguments are an output and the error; returns the output. */
    static MemorySegment make(String name, Object... arguments) {
        MemorySegment out = arena.allocate(ADDRESS), err = arena.allocate(ADDRESS);
        List<Object> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of(out, err));
        check((int) call(name, JAVA_INT, all.toArray()), err);
        return out.get(ADDRESS, 0);
    }
    static void check(int status, MemorySegment err) {
        if (status != 0) throw new IllegalStateException(text(call("ociimg_error_message", ADDRESS, err.get(ADDRESS, 0))));
    }

    public static void main(String[] args) throws Throwable {
        library = SymbolLookup.libraryLookup(Path.of(args[0]), arena);
        folder = Path.of(args[1]);
        var openDigest = callback("openDigest", ADDRESS, ADDRESS, ADDRESS, ADDRESS);
        MemorySegment[] members = { // of ociimg_loader_vtable, behind struct_size
            NULL, callback("openRoot", ADDRESS, ADDRESS, ADDRESS), openDigest, openDigest,
            callback("read", ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS), callback("close", ADDRESS, ADDRESS), NULL,
        };
        MemorySegment table = arena.allocate(ADDRESS, members.length + 1);
        table.set(JAVA_LONG, 0, table.byteSize());
        for (int i = 0; i < members.length; i++) table.setAtIndex(ADDRESS, i + 1, members[i]);
        MemorySegment loader = make("ociimg_loader_new", table, NULL);
        MemorySegment index = make("ociimg_index_load", loader, NULL, NULL);
        MemorySegment image = make("ociimg_index_image", index, 0L, NULL);
        MemorySegment err = arena.allocate(ADDRESS);
        for (long i = 0; i < (long) call("ociimg_image_layer_count", JAVA_LONG, image); i++) {
            Object layer = call("ociimg_image_layer", ADDRESS, image, i);
            MemorySegment reader = make("ociimg_layer_open", layer, UNCOMPRESSED, NULL, NULL);
            check((int) call("ociimg_reader_finish", JAVA_INT, reader, err), err);
            System.out.println(text(call("ociimg_layer_diff_id", ADDRESS, layer)));
            call("ociimg_reader_free", null, reader);
            call("ociimg_layer_free", null, layer);
        }
        for (var handle : Map.of("image", image, "index", index, "loader", loader).entrySet())
            call("ociimg_" + handle.getKey() + "_free", null, handle.getValue());
    }
}
