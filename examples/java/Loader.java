// Loader: verifies the layers of an image with a loader in Java that reads the files of a layout
// folder by itself. By JNA: java.lang.foreign, which does without, needs Java 22.
//
//     java -cp jna.jar examples/java/Loader.java target/release/libociimg.so examples/sample
//
// SPDX-License-Identifier: MIT OR Apache-2.0

import com.sun.jna.*;
import com.sun.jna.ptr.PointerByReference;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.*;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

public class Loader {
    static final int NOT_FOUND = 2, CALLBACK = 9, UNCOMPRESSED = 1;

    interface Ociimg extends Library {
        int ociimg_call_fail(Pointer call, int status, long code, String message);
        int ociimg_loader_new(Vtable table, Pointer state, PointerByReference out, PointerByReference err);
        int ociimg_index_load(Pointer loader, Pointer opts, Pointer ctx, PointerByReference out, PointerByReference err);
        int ociimg_index_image(Pointer index, long i, Pointer ctx, PointerByReference out, PointerByReference err);
        long ociimg_image_layer_count(Pointer image);
        Pointer ociimg_image_layer(Pointer image, long i);
        int ociimg_layer_open(Pointer layer, int mode, Pointer opts, Pointer ctx, PointerByReference out, PointerByReference err);
        String ociimg_layer_diff_id(Pointer layer);
        int ociimg_reader_finish(Pointer reader, PointerByReference err);
        String ociimg_error_message(Pointer err);
        void ociimg_reader_free(Pointer reader);
        void ociimg_layer_free(Pointer layer);
        void ociimg_image_free(Pointer image);
        void ociimg_index_free(Pointer index);
        void ociimg_loader_free(Pointer loader);
    }

    interface OpenRoot extends Callback { int call(Pointer state, PointerByReference stream, Pointer call); }
    interface OpenDigest extends Callback { int call(Pointer state, String digest, PointerByReference stream, Pointer call); }
    interface Read extends Callback { int call(Pointer state, Pointer stream, Pointer buf, long cap, Pointer n, Pointer call); }
    interface Close extends Callback { void call(Pointer state, Pointer stream); }

    @Structure.FieldOrder({"struct_size", "root_digest", "open_root_manifest", "open_manifest", "open_blob", "read", "close", "destroy"})
    public static class Vtable extends Structure {
        public long struct_size;
        public Pointer root_digest, destroy;
        public OpenRoot open_root_manifest;
        public OpenDigest open_manifest, open_blob;
        public Read read;
        public Close close;
    }

    static Ociimg oci;
    static Path folder;
    // Streams are small integers, as pointers that the library never follows.
    static final Map<Long, InputStream> streams = new ConcurrentHashMap<>();
    static final AtomicLong last = new AtomicLong();

    static int open(Path path, PointerByReference stream, Pointer call) {
        try {
            long key = last.incrementAndGet();
            streams.put(key, Files.newInputStream(folder.resolve(path)));
            stream.setValue(new Pointer(key));
            return 0;
        } catch (NoSuchFileException e) {
            return oci.ociimg_call_fail(call, NOT_FOUND, 0, e.getMessage());
        } catch (Exception e) { // must not leave a callback
            return oci.ociimg_call_fail(call, CALLBACK, 0, e.toString());
        }
    }

    static int read(Pointer stream, Pointer buf, long cap, Pointer n, Pointer call) {
        try {
            byte[] bytes = streams.get(Pointer.nativeValue(stream)).readNBytes((int) Math.min(cap, 1 << 16));
            buf.write(0, bytes, 0, bytes.length);
            n.setLong(0, bytes.length);
            return 0;
        } catch (Exception e) {
            return oci.ociimg_call_fail(call, CALLBACK, 0, e.toString());
        }
    }

    static void check(int status, PointerByReference err) {
        if (status != 0) throw new IllegalStateException(oci.ociimg_error_message(err.getValue()));
    }

    public static void main(String[] args) {
        oci = Native.load(args[0], Ociimg.class);
        folder = Path.of(args[1]);
        // The table must be reachable as long as the loader: JNA frees callbacks with it.
        Vtable table = new Vtable();
        OpenDigest openDigest = (state, digest, stream, call) -> open(Path.of("blobs", digest.split(":")), stream, call);
        table.struct_size = table.size();
        table.open_root_manifest = (state, stream, call) -> open(Path.of("index.json"), stream, call);
        table.open_manifest = table.open_blob = openDigest;
        table.read = (state, stream, buf, cap, n, call) -> read(stream, buf, cap, n, call);
        table.close = (state, stream) -> {
            try (InputStream closed = streams.remove(Pointer.nativeValue(stream))) { } catch (IOException e) { }
        };

        PointerByReference out = new PointerByReference(), err = new PointerByReference();
        check(oci.ociimg_loader_new(table, null, out, err), err);
        Pointer loader = out.getValue();
        check(oci.ociimg_index_load(loader, null, null, out, err), err);
        Pointer index = out.getValue();
        check(oci.ociimg_index_image(index, 0, null, out, err), err);
        Pointer image = out.getValue();
        for (long i = 0; i < oci.ociimg_image_layer_count(image); i++) {
            Pointer layer = oci.ociimg_image_layer(image, i);
            check(oci.ociimg_layer_open(layer, UNCOMPRESSED, null, null, out, err), err);
            check(oci.ociimg_reader_finish(out.getValue(), err), err);
            System.out.println(oci.ociimg_layer_diff_id(layer));
            oci.ociimg_reader_free(out.getValue());
            oci.ociimg_layer_free(layer);
        }
        oci.ociimg_image_free(image);
        oci.ociimg_index_free(index);
        oci.ociimg_loader_free(loader);
    }
}
