use super::kit::{clear, give, guard, null, optional_text, returned, serve, take_back, text};
use super::reference;
use super::registry::{client, ociimg_registry};
use crate::error::{Error, Result};
use crate::ociimg_sys::*;
use crate::sink::{Begin, BlobName, Sink, Stream};
use std::ffi::{c_char, c_void};

/// Makes a sink that pushes into a repository, "localhost:5000/a/b". The names of a copy must
/// be tags (else OCIIMG_STATUS_INVALID_ARGUMENT, when the root is put); without a name the root
/// is put by its digest. No request is made yet. Several threads may copy to the sink at once.
/// Runs no callback of the program. The caller frees *out with ociimg_sink_free.
///
/// Content that the registry has already is not sent again; blobs that this handle has seen in
/// another repository of the registry are mounted from there. An aborted upload is deleted from
/// the registry, which takes a second at most.
///
/// Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, an invalid repository, a name with a tag or
/// digest). Writing to the sink fails with OCIIMG_STATUS_DENIED, OCIIMG_STATUS_NOT_FOUND,
/// OCIIMG_STATUS_UNAVAILABLE, OCIIMG_STATUS_CANCELLED or OCIIMG_STATUS_CALLBACK, as
/// ociimg_registry_loader does, and with OCIIMG_STATUS_LIMIT_EXCEEDED where the registry finds
/// a blob or manifest too large (HTTP 413).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_registry_sink(
    registry: *const ociimg_registry,
    repository: *const c_char,
    out: *mut *mut ociimg_sink,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: the caller's pointers, as the header has them.
    unsafe {
        clear(out);
        clear(err);
        let sink = guard(|| {
            if out.is_null() {
                return Err(null("out"));
            }
            let client = client(registry)?;
            let repository = reference::repository(text(repository, "repository")?)?;
            Ok(Sink::new(client, &repository))
        });
        match sink {
            Ok(sink) => new_sink(sink, out, err),
            Err(error) => returned(Err(error), err),
        }
    }
}

/// # Safety
/// `out` can be written, `err` too or it is NULL.
unsafe fn new_sink(
    sink: Sink,
    out: *mut *mut ociimg_sink,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    let table = ociimg_sink_vtable {
        struct_size: size_of::<ociimg_sink_vtable>(),
        max_streams: 0,
        reserved: 0,
        has_blob: Some(has_blob),
        begin_blob: Some(begin_blob),
        write: Some(write),
        commit_blob: Some(commit_blob),
        abort_blob: Some(abort_blob),
        put_manifest: Some(put_manifest),
        put_root: Some(put_root),
        finish: None,
        destroy: Some(destroy),
    };
    let state = give(sink);
    // SAFETY: the functions below fit the table; the state is theirs.
    unsafe {
        let status = ociimg_sink_new(&raw const table, state, out, err);
        if status != OCIIMG_STATUS_OK {
            take_back::<Sink>(state);
        }
        status
    }
}

/// # Safety
/// `state` is a sink that was given to libociimg.
unsafe fn sink<'a>(state: *mut c_void) -> &'a Sink {
    // SAFETY: as the caller says; it lives until `destroy`.
    unsafe { &*state.cast::<Sink>() }
}

/// # Safety
/// `d` is a descriptor of libociimg's.
unsafe fn blob_name(d: *const ociimg_descriptor) -> Result<BlobName> {
    // SAFETY: as the caller says; the text is copied.
    unsafe {
        Ok(BlobName {
            digest: text(ociimg_descriptor_digest(d), "digest")?.to_owned(),
            size: ociimg_descriptor_size(d),
        })
    }
}

/// # Safety
/// `bytes` has `len` bytes.
unsafe fn slice<'a>(bytes: *const u8, len: usize) -> &'a [u8] {
    match len {
        0 => &[],
        // SAFETY: as the caller says.
        len => unsafe { std::slice::from_raw_parts(bytes, len) },
    }
}

unsafe extern "C" fn has_blob(
    state: *mut c_void,
    d: *const ociimg_descriptor,
    present: *mut ociimg_bool,
    call: *mut ociimg_call,
) -> i32 {
    serve(call, |ctx| {
        // SAFETY: libociimg's arguments.
        unsafe { *present = sink(state).has_blob(&blob_name(d)?, ctx)?.into() };
        Ok(())
    })
}

unsafe extern "C" fn begin_blob(
    state: *mut c_void,
    d: *const ociimg_descriptor,
    stream: *mut *mut c_void,
    offset: *mut u64,
    call: *mut ociimg_call,
) -> i32 {
    let mut exists = false;
    let status = serve(call, |ctx| {
        // SAFETY: libociimg's arguments.
        unsafe {
            match sink(state).begin_blob(blob_name(d)?, ctx)? {
                Begin::Exists => exists = true,
                Begin::Write {
                    stream: begun,
                    offset: at,
                } => {
                    *offset = at;
                    *stream = Box::into_raw(begun).cast();
                }
            }
        }
        Ok(())
    });
    match exists && status == OCIIMG_STATUS_OK {
        true => OCIIMG_STATUS_EXISTS,
        false => status,
    }
}

unsafe extern "C" fn write(
    state: *mut c_void,
    stream: *mut c_void,
    buf: *const u8,
    len: usize,
    call: *mut ociimg_call,
) -> i32 {
    serve(call, |ctx| {
        // SAFETY: a stream of ours, which no other thread uses, and libociimg's bytes.
        unsafe { sink(state).write(&mut *stream.cast::<Stream>(), slice(buf, len), ctx) }
    })
}

unsafe extern "C" fn commit_blob(
    state: *mut c_void,
    stream: *mut c_void,
    call: *mut ociimg_call,
) -> i32 {
    // SAFETY: a stream of ours, which ends here.
    let stream = unsafe { Box::from_raw(stream.cast::<Stream>()) };
    // SAFETY: libociimg's arguments.
    serve(call, |ctx| unsafe { sink(state) }.commit(*stream, ctx))
}

unsafe extern "C" fn abort_blob(state: *mut c_void, stream: *mut c_void) {
    // SAFETY: a stream of ours, which ends here, and libociimg's state.
    let (stream, sink) = unsafe { (Box::from_raw(stream.cast::<Stream>()), sink(state)) };
    let _ = guard(|| {
        sink.abort(*stream);
        Ok(())
    });
}

unsafe extern "C" fn put_manifest(
    state: *mut c_void,
    d: *const ociimg_descriptor,
    buf: *const u8,
    len: usize,
    call: *mut ociimg_call,
) -> i32 {
    serve(call, |ctx| {
        // SAFETY: libociimg's arguments.
        unsafe {
            let media_type = text(ociimg_descriptor_media_type(d), "media type")?;
            let digest = text(ociimg_descriptor_digest(d), "digest")?;
            sink(state).put_manifest(media_type, digest, slice(buf, len), ctx)
        }
    })
}

unsafe extern "C" fn put_root(
    state: *mut c_void,
    d: *const ociimg_descriptor,
    buf: *const u8,
    len: usize,
    name: *const c_char,
    call: *mut ociimg_call,
) -> i32 {
    serve(call, |ctx| {
        // SAFETY: libociimg's arguments.
        unsafe {
            let media_type = text(ociimg_descriptor_media_type(d), "media type")?;
            let digest = text(ociimg_descriptor_digest(d), "digest")?;
            let name = match name.is_null() {
                true => None,
                false => Some(
                    optional_text(name, "name")?.ok_or_else(|| Error::invalid("name is empty"))?,
                ),
            };
            sink(state).put_root(media_type, digest, slice(buf, len), name, ctx)
        }
    })
}

unsafe extern "C" fn destroy(state: *mut c_void) {
    // SAFETY: a sink of ours, destroyed once.
    unsafe { take_back::<Sink>(state) };
}
