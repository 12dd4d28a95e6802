//! A state machine over the C functions: the input says which are called, with which handles, and
//! what the callbacks do: work, fail, return junk, leave outputs alone, call the library again.

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_void};
use std::ptr;

type Handle = *mut c_void;

unsafe extern "C" {
    fn ociimg_loader_new(
        table: *const LoaderTable,
        state: Handle,
        out: *mut Handle,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_loader_free(h: Handle);
    fn ociimg_index_load(
        h: Handle,
        opts: Handle,
        ctx: Handle,
        out: *mut Handle,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_index_select_with(
        h: Handle,
        matcher: Handle,
        out: *mut Handle,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_index_image(
        h: Handle,
        i: usize,
        ctx: Handle,
        out: *mut Handle,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_index_image_for(
        h: Handle,
        platform: Handle,
        ctx: Handle,
        out: *mut Handle,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_index_entry_name(h: Handle, i: usize) -> *const c_char;
    fn ociimg_index_entry_error(h: Handle, i: usize) -> Handle;
    fn ociimg_index_free(h: Handle);
    fn ociimg_matcher_all() -> Handle;
    fn ociimg_matcher_free(h: Handle);
    fn ociimg_image_clone(h: Handle) -> Handle;
    fn ociimg_image_layer(h: Handle, i: usize) -> Handle;
    fn ociimg_image_layer_count(h: Handle) -> usize;
    fn ociimg_image_manifest_digest(h: Handle) -> *const c_char;
    fn ociimg_image_set_env(
        h: Handle,
        name: *const c_char,
        value: *const c_char,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_image_set_label(
        h: Handle,
        name: *const c_char,
        value: *const c_char,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_image_append_layer(h: Handle, layer: Handle, opts: Handle, err: *mut Handle) -> i32;
    fn ociimg_image_remove_layer(h: Handle, i: usize, err: *mut Handle) -> i32;
    fn ociimg_image_convert(h: Handle, format: i32, err: *mut Handle) -> i32;
    fn ociimg_image_free(h: Handle);
    fn ociimg_layer_open(
        h: Handle,
        mode: i32,
        opts: Handle,
        ctx: Handle,
        out: *mut Handle,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_layer_digest(h: Handle) -> *const c_char;
    fn ociimg_layer_free(h: Handle);
    fn ociimg_reader_read(
        h: Handle,
        buf: *mut u8,
        cap: usize,
        n: *mut usize,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_reader_finish(h: Handle, err: *mut Handle) -> i32;
    fn ociimg_reader_free(h: Handle);
    fn ociimg_layer_writer_new(
        opts: Handle,
        ctx: Handle,
        out: *mut Handle,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_layer_writer_write(h: Handle, buf: *const u8, len: usize, err: *mut Handle) -> i32;
    fn ociimg_layer_writer_finish(h: Handle, out: *mut Handle, err: *mut Handle) -> i32;
    fn ociimg_layer_writer_free(h: Handle);
    fn ociimg_index_builder_new(format: i32, out: *mut Handle, err: *mut Handle) -> i32;
    fn ociimg_index_builder_from(index: Handle, out: *mut Handle, err: *mut Handle) -> i32;
    fn ociimg_index_builder_add_image(
        h: Handle,
        image: Handle,
        platform: Handle,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_index_builder_remove(h: Handle, i: usize, err: *mut Handle) -> i32;
    fn ociimg_index_builder_finish(
        h: Handle,
        ctx: Handle,
        out: *mut Handle,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_index_builder_free(h: Handle);
    fn ociimg_sink_new(
        table: *const SinkTable,
        state: Handle,
        out: *mut Handle,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_sink_finish(h: Handle, ctx: Handle, err: *mut Handle) -> i32;
    fn ociimg_sink_free(h: Handle);
    fn ociimg_copy_new(
        index: Handle,
        sink: Handle,
        opts: Handle,
        out: *mut Handle,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_copy_new_image(
        image: Handle,
        sink: Handle,
        opts: Handle,
        out: *mut Handle,
        err: *mut Handle,
    ) -> i32;
    fn ociimg_copy_run(h: Handle, ctx: Handle, err: *mut Handle) -> i32;
    fn ociimg_copy_free(h: Handle);
    fn ociimg_error_message(h: Handle) -> *const c_char;
    fn ociimg_error_free(h: Handle);
    fn ociimg_call_fail(call: Handle, status: i32, code: i64, message: *const c_char) -> i32;
}

type Destroy = Option<unsafe extern "C" fn(Handle)>;

#[repr(C)]
struct LoaderTable {
    struct_size: usize,
    root_digest: Option<unsafe extern "C" fn(Handle, *mut c_char, usize, Handle) -> i32>,
    open_root: Option<unsafe extern "C" fn(Handle, *mut Handle, Handle) -> i32>,
    open_manifest: Option<unsafe extern "C" fn(Handle, *const c_char, *mut Handle, Handle) -> i32>,
    open_blob: Option<unsafe extern "C" fn(Handle, *const c_char, *mut Handle, Handle) -> i32>,
    read: Option<unsafe extern "C" fn(Handle, Handle, *mut u8, usize, *mut usize, Handle) -> i32>,
    close: Option<unsafe extern "C" fn(Handle, Handle)>,
    destroy: Destroy,
}

#[repr(C)]
struct SinkTable {
    struct_size: usize,
    max_streams: u32,
    reserved: u32,
    has_blob: Option<unsafe extern "C" fn(Handle, Handle, *mut i32, Handle) -> i32>,
    begin_blob: Option<unsafe extern "C" fn(Handle, Handle, *mut Handle, *mut u64, Handle) -> i32>,
    write: Option<unsafe extern "C" fn(Handle, Handle, *const u8, usize, Handle) -> i32>,
    commit_blob: Option<unsafe extern "C" fn(Handle, Handle, Handle) -> i32>,
    abort_blob: Option<unsafe extern "C" fn(Handle, Handle)>,
    put_manifest: Option<unsafe extern "C" fn(Handle, Handle, *const u8, usize, Handle) -> i32>,
    put_root: Option<
        unsafe extern "C" fn(Handle, Handle, *const u8, usize, *const c_char, Handle) -> i32,
    >,
    finish: Option<unsafe extern "C" fn(Handle, Handle) -> i32>,
    destroy: Destroy,
}

/// The kinds of handles, in the order of `World::handles`.
#[derive(Clone, Copy)]
enum Kind {
    Loader,
    Index,
    Image,
    Layer,
    Reader,
    Writer,
    Builder,
    Sink,
    Copy,
}

const FREE: [unsafe extern "C" fn(Handle); 9] = [
    ociimg_loader_free,
    ociimg_index_free,
    ociimg_image_free,
    ociimg_layer_free,
    ociimg_reader_free,
    ociimg_layer_writer_free,
    ociimg_index_builder_free,
    ociimg_sink_free,
    ociimg_copy_free,
];

/// The input, and the live handles.
struct World {
    script: RefCell<std::vec::IntoIter<u8>>,
    handles: RefCell<[Vec<Handle>; 9]>,
    /// Handles that calls on the stack use as their own alone.
    busy: RefCell<Vec<Handle>>,
    image: Image,
    depth: Cell<u32>,
    open: Cell<i64>,
    alive: Cell<i64>,
}

struct Image {
    root: Vec<u8>,
    blobs: Vec<(String, Vec<u8>)>,
}

struct Stream {
    content: Vec<u8>,
    at: usize,
}

fn image() -> Image {
    use ociimg::digest::{Algorithm, Digest};
    let mut blobs: Vec<(String, Vec<u8>)> = Vec::new();
    let mut put = |media_type: &str, content: Vec<u8>| {
        let digest = Digest::of(Algorithm::Sha256, &content).to_string();
        let descriptor = format!(
            r#"{{"mediaType":"application/vnd.oci.image.{media_type}","digest":"{digest}","size":{}}}"#,
            content.len()
        );
        blobs.push((digest, content));
        descriptor
    };
    let layer = put("layer.v1.tar", vec![0; 1024]);
    let diff_id = &layer[layer.find("sha256").expect("a digest")..][..71];
    let config = put(
        "config.v1+json",
        format!(r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#)
            .into_bytes(),
    );
    let manifest = put(
        "manifest.v1+json",
        format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#).into_bytes(),
    );
    Image {
        root: format!(r#"{{"schemaVersion":2,"manifests":[{manifest}]}}"#).into_bytes(),
        blobs,
    }
}

impl World {
    fn byte(&self) -> u8 {
        self.script.borrow_mut().next().unwrap_or(0)
    }

    /// A handle of a kind that no call on the stack owns; NULL now and then.
    fn pick(&self, kind: Kind) -> Handle {
        let byte = usize::from(self.byte());
        let handles = self.handles.borrow();
        let list = &handles[kind as usize];
        match list.len() {
            0 => ptr::null_mut(),
            _ if byte == 255 => ptr::null_mut(),
            n => list[byte % n],
        }
    }

    fn add(&self, kind: Kind, handle: Handle) {
        if !handle.is_null() {
            self.handles.borrow_mut()[kind as usize].push(handle);
        }
    }

    fn is_busy(&self, handle: Handle) -> bool {
        self.busy.borrow().contains(&handle)
    }

    /// Runs a call that needs handles for itself: nothing below it may use or free them.
    fn alone(&self, handle: Handle, call: impl FnOnce()) {
        if handle.is_null() || !self.is_busy(handle) {
            self.busy.borrow_mut().push(handle);
            call();
            self.busy.borrow_mut().pop();
        }
    }

    /// Checks and frees an error.
    fn end(&self, status: i32, err: Handle) {
        assert_ne!(status, 14, "INTERNAL: {}", message(err));
        assert_eq!(status == 0, err.is_null());
        // SAFETY: an error of the library or NULL.
        unsafe { ociimg_error_free(err) };
    }

    /// A callback's misbehaviour: the status to return at once, if any.
    fn mischief(&self, call: Handle) -> Option<i32> {
        match self.byte() {
            // SAFETY: the call that the callback serves.
            1 => Some(unsafe {
                ociimg_call_fail(call, i32::from(self.byte()) - 4, 7, c"a failure".as_ptr())
            }),
            2 => Some(i32::from(self.byte())),
            3 => Some(0), // and leaves the outputs alone
            4 => {
                self.step();
                None
            }
            _ => None,
        }
    }

    fn step(&self) {
        if self.depth.get() >= 3 {
            return;
        }
        self.depth.set(self.depth.get() + 1);
        // SAFETY: handles are alive until they are taken out of the lists to be freed, and a
        // handle that a call needs for itself is marked as busy.
        unsafe { self.call() };
        self.depth.set(self.depth.get() - 1);
    }

    unsafe fn call(&self) {
        let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
        let none = ptr::null_mut();
        let this: Handle = ptr::from_ref(self).cast_mut().cast();
        // SAFETY: as the caller says.
        unsafe {
            match self.byte() % 24 {
                0 => {
                    let table = LoaderTable {
                        struct_size: size_of::<LoaderTable>(),
                        root_digest: Some(root_digest),
                        open_root: Some(open_root),
                        open_manifest: Some(open_digest),
                        open_blob: Some(open_digest),
                        read: Some(read),
                        close: Some(close),
                        destroy: Some(destroy),
                    };
                    self.alive.set(self.alive.get() + 1);
                    let status = ociimg_loader_new(&table, this, &mut out, &mut err);
                    self.end(status, err);
                    self.add(Kind::Loader, out);
                }
                1 | 2 => {
                    let status =
                        ociimg_index_load(self.pick(Kind::Loader), none, none, &mut out, &mut err);
                    self.end(status, err);
                    self.add(Kind::Index, out);
                }
                3 => {
                    let matcher = ociimg_matcher_all();
                    let status = ociimg_index_select_with(
                        self.pick(Kind::Index),
                        matcher,
                        &mut out,
                        &mut err,
                    );
                    ociimg_matcher_free(matcher);
                    self.end(status, err);
                    self.add(Kind::Index, out);
                }
                4 | 5 => {
                    let i = usize::from(self.byte() / 128);
                    let status =
                        ociimg_index_image(self.pick(Kind::Index), i, none, &mut out, &mut err);
                    self.end(status, err);
                    self.add(Kind::Image, out);
                }
                6 => {
                    let index = self.pick(Kind::Index);
                    let status = ociimg_index_image_for(index, none, none, &mut out, &mut err);
                    self.end(status, err);
                    self.add(Kind::Image, out);
                    ociimg_index_entry_name(index, 0);
                    ociimg_error_free(ociimg_index_entry_error(index, 0));
                }
                7 => {
                    let image = self.pick(Kind::Image);
                    if !self.is_busy(image) {
                        self.add(
                            Kind::Layer,
                            ociimg_image_layer(
                                image,
                                ociimg_image_layer_count(image).wrapping_sub(1),
                            ),
                        );
                        ociimg_image_manifest_digest(image);
                    }
                }
                8 => {
                    let mode = i32::from(self.byte() & 1);
                    let layer = self.pick(Kind::Layer);
                    ociimg_layer_digest(layer);
                    let status = ociimg_layer_open(layer, mode, none, none, &mut out, &mut err);
                    self.end(status, err);
                    self.add(Kind::Reader, out);
                }
                9 | 10 => {
                    // A reader used from its own callback is BUSY, which is safe.
                    let mut buf = [0; 700];
                    let (mut n, cap) = (0, usize::from(self.byte()) * 3);
                    let status = ociimg_reader_read(
                        self.pick(Kind::Reader),
                        buf.as_mut_ptr(),
                        cap.min(700),
                        &mut n,
                        &mut err,
                    );
                    assert!(n <= cap);
                    self.end(status, err);
                }
                11 => {
                    let status = ociimg_reader_finish(self.pick(Kind::Reader), &mut err);
                    self.end(status, err);
                }
                12 => {
                    let image = self.pick(Kind::Image);
                    self.alone(image, || {
                        let value = if self.byte() & 1 == 0 {
                            c"v".as_ptr()
                        } else {
                            ptr::null()
                        };
                        let status = match self.byte() & 1 {
                            0 => ociimg_image_set_env(image, c"NAME".as_ptr(), value, &mut err),
                            _ => ociimg_image_set_label(image, c"key".as_ptr(), value, &mut err),
                        };
                        self.end(status, err);
                    });
                }
                13 => {
                    let image = self.pick(Kind::Image);
                    self.alone(image, || {
                        let status = match self.byte() % 3 {
                            0 => ociimg_image_append_layer(
                                image,
                                self.pick(Kind::Layer),
                                none,
                                &mut err,
                            ),
                            1 => ociimg_image_remove_layer(image, 0, &mut err),
                            _ => ociimg_image_convert(image, i32::from(self.byte() % 4), &mut err),
                        };
                        self.end(status, err);
                    });
                }
                14 => {
                    let image = self.pick(Kind::Image);
                    if !self.is_busy(image) {
                        self.add(Kind::Image, ociimg_image_clone(image));
                    }
                }
                15 => {
                    let status = ociimg_layer_writer_new(none, none, &mut out, &mut err);
                    self.end(status, err);
                    self.add(Kind::Writer, out);
                }
                16 => {
                    let writer = self.pick(Kind::Writer);
                    self.alone(writer, || {
                        let status = match self.byte() & 1 {
                            0 => ociimg_layer_writer_write(
                                writer,
                                [self.byte() & 1; 512].as_ptr(),
                                512,
                                &mut err,
                            ),
                            _ => ociimg_layer_writer_finish(writer, &mut out, &mut err),
                        };
                        self.end(status, err);
                        self.add(Kind::Layer, out);
                    });
                }
                17 => {
                    let status = match self.byte() & 1 {
                        0 => ociimg_index_builder_new(
                            1 + i32::from(self.byte() & 1),
                            &mut out,
                            &mut err,
                        ),
                        _ => ociimg_index_builder_from(self.pick(Kind::Index), &mut out, &mut err),
                    };
                    self.end(status, err);
                    self.add(Kind::Builder, out);
                }
                18 => {
                    let (builder, image) = (self.pick(Kind::Builder), self.pick(Kind::Image));
                    if !self.is_busy(image) {
                        self.alone(builder, || {
                            let status = match self.byte() & 3 {
                                0 => ociimg_index_builder_remove(builder, 0, &mut err),
                                1 => ociimg_index_builder_finish(builder, none, &mut out, &mut err),
                                _ => ociimg_index_builder_add_image(builder, image, none, &mut err),
                            };
                            self.end(status, err);
                            self.add(Kind::Index, out);
                        });
                    }
                }
                19 => {
                    let table = SinkTable {
                        struct_size: size_of::<SinkTable>(),
                        max_streams: u32::from(self.byte() & 1),
                        reserved: 0,
                        has_blob: Some(has_blob),
                        begin_blob: Some(begin_blob),
                        write: Some(write),
                        commit_blob: Some(commit_blob),
                        abort_blob: Some(close),
                        put_manifest: Some(put_manifest),
                        put_root: Some(put_root),
                        finish: Some(finish),
                        destroy: Some(destroy),
                    };
                    self.alive.set(self.alive.get() + 1);
                    let status = ociimg_sink_new(&table, this, &mut out, &mut err);
                    self.end(status, err);
                    self.add(Kind::Sink, out);
                }
                20 => {
                    let sink = self.pick(Kind::Sink);
                    let status = match self.byte() & 1 {
                        0 => {
                            ociimg_copy_new(self.pick(Kind::Index), sink, none, &mut out, &mut err)
                        }
                        _ => {
                            let image = self.pick(Kind::Image);
                            if self.is_busy(image) {
                                return;
                            }
                            ociimg_copy_new_image(image, sink, none, &mut out, &mut err)
                        }
                    };
                    self.end(status, err);
                    self.add(Kind::Copy, out);
                }
                21 => {
                    // From a callback of its own a copy is BUSY, which is safe.
                    let status = ociimg_copy_run(self.pick(Kind::Copy), none, &mut err);
                    self.end(status, err);
                }
                22 => {
                    let sink = self.pick(Kind::Sink);
                    self.alone(sink, || {
                        let status = ociimg_sink_finish(sink, none, &mut err);
                        self.end(status, err);
                    });
                }
                _ => self.free(),
            }
        }
    }

    fn free(&self) {
        let kind = usize::from(self.byte()) % FREE.len();
        let at = usize::from(self.byte());
        let handle = {
            let mut handles = self.handles.borrow_mut();
            let list = &mut handles[kind];
            match list.len() {
                0 => return,
                n if self.is_busy(list[at % n]) => return,
                n => list.swap_remove(at % n),
            }
        };
        // SAFETY: it was taken out of the list, so it is freed once.
        unsafe { FREE[kind](handle) };
    }

    fn opened(&self, content: Option<Vec<u8>>, stream: *mut Handle, call: Handle) -> i32 {
        if let Some(status) = self.mischief(call) {
            return status;
        }
        match content {
            None => 2,
            Some(content) => {
                self.open.set(self.open.get() + 1);
                // SAFETY: the output of the callback.
                unsafe { *stream = Box::into_raw(Box::new(Stream { content, at: 0 })).cast() };
                0
            }
        }
    }
}

fn message(err: Handle) -> String {
    // SAFETY: an error of the library or NULL; the message ends in NUL.
    unsafe { std::ffi::CStr::from_ptr(ociimg_error_message(err)) }
        .to_string_lossy()
        .into_owned()
}

/// # Safety
/// `state` is the world that made the table.
unsafe fn world<'a>(state: Handle) -> &'a World {
    // SAFETY: the world outlives all handles.
    unsafe { &*state.cast::<World>() }
}

unsafe extern "C" fn root_digest(state: Handle, buf: *mut c_char, cap: usize, call: Handle) -> i32 {
    // SAFETY: state is a world.
    let world = unsafe { world(state) };
    if let Some(status) = world.mischief(call) {
        return status;
    }
    if world.byte() == 9 {
        // SAFETY: buf has cap bytes.
        unsafe { buf.write_bytes(b'x', cap) };
    }
    0
}

unsafe extern "C" fn open_root(state: Handle, stream: *mut Handle, call: Handle) -> i32 {
    // SAFETY: state is a world.
    let world = unsafe { world(state) };
    world.opened(Some(world.image.root.clone()), stream, call)
}

unsafe extern "C" fn open_digest(
    state: Handle,
    digest: *const c_char,
    stream: *mut Handle,
    call: Handle,
) -> i32 {
    // SAFETY: state is a world, digest ends in NUL.
    let (world, digest) = unsafe { (world(state), std::ffi::CStr::from_ptr(digest)) };
    let found = world
        .image
        .blobs
        .iter()
        .find(|(name, _)| name.as_bytes() == digest.to_bytes());
    world.opened(found.map(|(_, content)| content.clone()), stream, call)
}

unsafe extern "C" fn read(
    state: Handle,
    stream: Handle,
    buf: *mut u8,
    cap: usize,
    n: *mut usize,
    call: Handle,
) -> i32 {
    // SAFETY: state is a world.
    let world = unsafe { world(state) };
    if let Some(status) = world.mischief(call) {
        return status;
    }
    let junk = world.byte();
    // SAFETY: the stream is used by one call at a time; buf has cap bytes.
    unsafe {
        let stream = &mut *stream.cast::<Stream>();
        let count = cap
            .min(stream.content.len() - stream.at)
            .min(1 + usize::from(junk) * 16);
        ptr::copy_nonoverlapping(stream.content[stream.at..].as_ptr(), buf, count);
        stream.at += count;
        *n = match junk {
            7 => cap + 1,
            8 => usize::MAX - 1,
            _ => count,
        };
    }
    0
}

unsafe extern "C" fn close(state: Handle, stream: Handle) {
    // SAFETY: state is a world, the stream is ended once.
    unsafe {
        let world = world(state);
        world.open.set(world.open.get() - 1);
        drop(Box::from_raw(stream.cast::<Stream>()));
    }
}

unsafe extern "C" fn destroy(state: Handle) {
    // SAFETY: state is a world.
    let world = unsafe { world(state) };
    world.alive.set(world.alive.get() - 1);
}

unsafe extern "C" fn has_blob(state: Handle, _: Handle, present: *mut i32, call: Handle) -> i32 {
    // SAFETY: state is a world.
    let world = unsafe { world(state) };
    if let Some(status) = world.mischief(call) {
        return status;
    }
    // SAFETY: the output of the callback.
    unsafe { *present = i32::from(world.byte() & 2) };
    0
}

unsafe extern "C" fn begin_blob(
    state: Handle,
    _: Handle,
    stream: *mut Handle,
    offset: *mut u64,
    call: Handle,
) -> i32 {
    // SAFETY: state is a world, offset an output.
    unsafe {
        let world = world(state);
        match world.byte() {
            5 => *offset = 1,
            6 => *offset = u64::MAX,
            _ => {}
        }
        world.opened(Some(Vec::new()), stream, call)
    }
}

unsafe extern "C" fn write(
    state: Handle,
    stream: Handle,
    buf: *const u8,
    len: usize,
    call: Handle,
) -> i32 {
    // SAFETY: state is a world, the stream is used by one call at a time.
    unsafe {
        if let Some(status) = world(state).mischief(call) {
            return status;
        }
        let stream = &mut *stream.cast::<Stream>();
        stream
            .content
            .extend_from_slice(std::slice::from_raw_parts(buf, len));
    }
    0
}

unsafe extern "C" fn commit_blob(state: Handle, stream: Handle, call: Handle) -> i32 {
    // SAFETY: state is a world; commit ends the stream, whatever it returns.
    unsafe {
        let status = world(state).mischief(call).unwrap_or(0);
        close(state, stream);
        status
    }
}

unsafe extern "C" fn put_manifest(
    state: Handle,
    _: Handle,
    _: *const u8,
    _: usize,
    call: Handle,
) -> i32 {
    // SAFETY: state is a world.
    unsafe { world(state) }.mischief(call).unwrap_or(0)
}

unsafe extern "C" fn put_root(
    state: Handle,
    d: Handle,
    buf: *const u8,
    len: usize,
    _: *const c_char,
    call: Handle,
) -> i32 {
    // SAFETY: as above.
    unsafe { put_manifest(state, d, buf, len, call) }
}

unsafe extern "C" fn finish(state: Handle, call: Handle) -> i32 {
    // SAFETY: state is a world.
    unsafe { world(state) }.mischief(call).unwrap_or(0)
}

/// Runs the script, then frees what is left. Every stream is closed, every state destroyed.
pub fn abi(data: &[u8]) {
    let world = World {
        script: RefCell::new(Vec::from(data).into_iter()),
        handles: RefCell::default(),
        busy: RefCell::default(),
        image: image(),
        depth: Cell::new(0),
        open: Cell::new(0),
        alive: Cell::new(0),
    };
    while world.script.borrow().len() > 0 {
        world.step();
    }
    for (kind, free) in FREE.iter().enumerate() {
        loop {
            let handle = world.handles.borrow_mut()[kind].pop();
            match handle {
                // SAFETY: it was taken out of the list, so it is freed once.
                Some(handle) => unsafe { free(handle) },
                None => break,
            }
        }
    }
    assert_eq!(world.open.get(), 0, "streams are left open");
    assert_eq!(world.alive.get(), 0, "states are not destroyed");
}
