//! The C surfaces of both libraries, as the tests call them.

use super::image::Image;
use super::mean::{Server, Store};
use ::ociimg_registry::ffi::*;
use ::ociimg_registry::ociimg_sys::*;
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{null, null_mut};

macro_rules! opaque {
    ($($name:ident),* $(,)?) => {
        $(#[repr(C)]
        #[allow(non_camel_case_types)]
        pub struct $name {
            _opaque: [u8; 0],
        })*
    };
}

opaque!(
    ociimg_index,
    ociimg_image,
    ociimg_layer,
    ociimg_reader,
    ociimg_copy
);

/// As ociimg.h has it.
#[repr(C)]
struct CopyOptions {
    struct_size: usize,
    names: *const *const c_char,
    name_count: usize,
    flags: u32,
    max_restarts: u32,
    progress: Option<unsafe extern "C" fn(*mut c_void, *const c_void)>,
    user_data: *mut c_void,
}

unsafe extern "C" {
    fn ociimg_error_status(err: *const ociimg_error) -> ociimg_status;
    fn ociimg_error_message(err: *const ociimg_error) -> *const c_char;
    fn ociimg_error_callback_code(err: *const ociimg_error) -> i64;
    fn ociimg_error_free(err: *mut ociimg_error);
    fn ociimg_context_new(
        user_data: *mut c_void,
        destroy: Option<unsafe extern "C" fn(*mut c_void)>,
    ) -> *mut ociimg_context;
    fn ociimg_context_cancel(ctx: *const ociimg_context);
    fn ociimg_context_free(ctx: *mut ociimg_context);
    fn ociimg_loader_free(loader: *mut ociimg_loader);
    fn ociimg_index_load(
        loader: *const ociimg_loader,
        opts: *const c_void,
        ctx: *const ociimg_context,
        out: *mut *mut ociimg_index,
        err: *mut *mut ociimg_error,
    ) -> ociimg_status;
    fn ociimg_index_entry_count(index: *const ociimg_index) -> usize;
    fn ociimg_index_root_digest(index: *const ociimg_index) -> *const c_char;
    fn ociimg_index_image(
        index: *const ociimg_index,
        i: usize,
        ctx: *const ociimg_context,
        out: *mut *mut ociimg_image,
        err: *mut *mut ociimg_error,
    ) -> ociimg_status;
    fn ociimg_index_free(index: *mut ociimg_index);
    fn ociimg_image_layer_count(image: *const ociimg_image) -> usize;
    fn ociimg_image_layer(image: *const ociimg_image, i: usize) -> *mut ociimg_layer;
    fn ociimg_image_free(image: *mut ociimg_image);
    fn ociimg_layer_open(
        layer: *const ociimg_layer,
        mode: i32,
        opts: *const c_void,
        ctx: *const ociimg_context,
        out: *mut *mut ociimg_reader,
        err: *mut *mut ociimg_error,
    ) -> ociimg_status;
    fn ociimg_layer_free(layer: *mut ociimg_layer);
    fn ociimg_reader_read(
        reader: *mut ociimg_reader,
        buf: *mut u8,
        cap: usize,
        n: *mut usize,
        err: *mut *mut ociimg_error,
    ) -> ociimg_status;
    fn ociimg_reader_free(reader: *mut ociimg_reader);
    fn ociimg_sink_finish(
        sink: *mut ociimg_sink,
        ctx: *const ociimg_context,
        err: *mut *mut ociimg_error,
    ) -> ociimg_status;
    fn ociimg_sink_free(sink: *mut ociimg_sink);
    fn ociimg_copy_new(
        index: *const ociimg_index,
        sink: *const ociimg_sink,
        opts: *const CopyOptions,
        out: *mut *mut ociimg_copy,
        err: *mut *mut ociimg_error,
    ) -> ociimg_status;
    fn ociimg_copy_run(
        copy: *const ociimg_copy,
        ctx: *const ociimg_context,
        err: *mut *mut ociimg_error,
    ) -> ociimg_status;
    fn ociimg_copy_free(copy: *mut ociimg_copy);
}

#[derive(Debug, Clone)]
pub struct Failure {
    pub status: ociimg_status,
    pub message: String,
    pub code: i64,
}

pub type Outcome<T> = Result<T, Failure>;

/// What a call returned, and its error.
fn outcome(status: ociimg_status, err: *mut ociimg_error) -> Outcome<()> {
    if status == OCIIMG_STATUS_OK {
        assert!(err.is_null(), "an error beside success");
        return Ok(());
    }
    // SAFETY: an error that the call gave.
    unsafe {
        assert_eq!(ociimg_error_status(err), status);
        let failure = Failure {
            status,
            message: CStr::from_ptr(ociimg_error_message(err))
                .to_str()
                .expect("UTF-8")
                .to_owned(),
            code: ociimg_error_callback_code(err),
        };
        ociimg_error_free(err);
        Err(failure)
    }
}

macro_rules! handle {
    ($name:ident, $type:ty, $free:path) => {
        pub struct $name(pub *mut $type);

        // SAFETY: the library's promise.
        unsafe impl Send for $name {}
        // SAFETY: the library's promise.
        unsafe impl Sync for $name {}

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: freed once.
                unsafe { $free(self.0) };
            }
        }
    };
}

handle!(Registry, ociimg_registry, ociimg_registry_free);
handle!(Context, ociimg_context, ociimg_context_free);
handle!(Loader, ociimg_loader, ociimg_loader_free);
handle!(Index, ociimg_index, ociimg_index_free);
handle!(ImageHandle, ociimg_image, ociimg_image_free);
handle!(Layer, ociimg_layer, ociimg_layer_free);
handle!(Reader, ociimg_reader, ociimg_reader_free);
handle!(Sink, ociimg_sink, ociimg_sink_free);
handle!(Copy, ociimg_copy, ociimg_copy_free);

impl Context {
    pub fn new() -> Self {
        // SAFETY: no destroy.
        Self(unsafe { ociimg_context_new(null_mut(), None) })
    }

    pub fn cancel(&self) {
        // SAFETY: a context.
        unsafe { ociimg_context_cancel(self.0) };
    }
}

/// Options with Rust's texts.
#[derive(Clone, Default)]
pub struct Options {
    pub username: Option<String>,
    pub password: Option<String>,
    pub token: Option<String>,
    pub auth_file: Option<String>,
    pub ca_file: Option<String>,
    pub client_cert: Option<String>,
    pub client_key: Option<String>,
    pub proxy: Option<String>,
    pub user_agent: Option<String>,
    pub mirrors: Vec<String>,
    pub max_manifest_size: u64,
    pub flags: u32,
    pub connect_timeout_ms: u32,
    pub stall_timeout_ms: u32,
    pub max_retries: u32,
}

pub const PLAIN_HTTP: u32 = ociimg_registry_flags::OCIIMG_REGISTRY_PLAIN_HTTP as u32;
pub const INSECURE_TLS: u32 = ociimg_registry_flags::OCIIMG_REGISTRY_INSECURE_TLS as u32;
pub const NO_AUTH_FILES: u32 = ociimg_registry_flags::OCIIMG_REGISTRY_NO_AUTH_FILES as u32;
pub const NO_CREDENTIAL_HELPERS: u32 =
    ociimg_registry_flags::OCIIMG_REGISTRY_NO_CREDENTIAL_HELPERS as u32;
pub const NO_PROXY: u32 = ociimg_registry_flags::OCIIMG_REGISTRY_NO_PROXY as u32;

impl Options {
    /// Nothing of the machine's own: what a test sees is what it set up.
    pub fn alone() -> Self {
        Self {
            flags: NO_AUTH_FILES | NO_PROXY,
            ..Self::default()
        }
    }
}

impl Registry {
    pub fn new(options: &Options) -> Outcome<Self> {
        let mut texts = Vec::new();
        let mut text = |value: &Option<String>| match value {
            None => null(),
            Some(value) => {
                texts.push(CString::new(value.as_str()).expect("no NUL"));
                texts.last().unwrap().as_ptr()
            }
        };
        let mirrors: Vec<CString> = options
            .mirrors
            .iter()
            .map(|m| CString::new(m.as_str()).unwrap())
            .collect();
        let mirror_pointers: Vec<*const c_char> = mirrors.iter().map(|m| m.as_ptr()).collect();
        let given = ociimg_registry_options {
            struct_size: size_of::<ociimg_registry_options>(),
            username: text(&options.username),
            password: text(&options.password),
            token: text(&options.token),
            auth_file: text(&options.auth_file),
            ca_file: text(&options.ca_file),
            client_cert: text(&options.client_cert),
            client_key: text(&options.client_key),
            proxy: text(&options.proxy),
            user_agent: text(&options.user_agent),
            mirrors: mirror_pointers.as_ptr(),
            mirror_count: mirror_pointers.len(),
            max_manifest_size: options.max_manifest_size,
            flags: options.flags,
            connect_timeout_ms: options.connect_timeout_ms,
            stall_timeout_ms: options.stall_timeout_ms,
            max_retries: options.max_retries,
        };
        let (mut out, mut err) = (null_mut(), null_mut());
        // SAFETY: all texts live until it returns.
        let status = unsafe { ociimg_registry_new(&raw const given, &raw mut out, &raw mut err) };
        outcome(status, err).map(|()| Self(out))
    }

    pub fn loader(&self, reference: &str, ctx: Option<&Context>) -> Outcome<Loader> {
        let reference = CString::new(reference).unwrap();
        let (mut out, mut err) = (null_mut(), null_mut());
        let ctx = ctx.map_or(null(), |ctx| ctx.0.cast_const());
        // SAFETY: handles and a text.
        let status = unsafe {
            ociimg_registry_loader(self.0, reference.as_ptr(), ctx, &raw mut out, &raw mut err)
        };
        outcome(status, err).map(|()| Loader(out))
    }

    /// The tags, up to `most` of them.
    pub fn tags(
        &self,
        repository: &str,
        most: usize,
        ctx: Option<&Context>,
    ) -> Outcome<Vec<String>> {
        struct State {
            tags: Vec<String>,
            most: usize,
        }
        unsafe extern "C-unwind" fn visit(state: *mut c_void, tag: *const c_char) -> i32 {
            // SAFETY: the state below, and a text.
            let (state, tag) = unsafe { (&mut *state.cast::<State>(), CStr::from_ptr(tag)) };
            if state.tags.len() == state.most {
                return 77;
            }
            state.tags.push(tag.to_str().expect("UTF-8").to_owned());
            0
        }
        let repository = CString::new(repository).unwrap();
        let mut state = State {
            tags: Vec::new(),
            most,
        };
        let mut err = null_mut();
        let ctx = ctx.map_or(null(), |ctx| ctx.0.cast_const());
        // SAFETY: handles, a text, and a callback with its state.
        let status = unsafe {
            ociimg_registry_list_tags(
                self.0,
                repository.as_ptr(),
                Some(visit),
                (&raw mut state).cast(),
                ctx,
                &raw mut err,
            )
        };
        outcome(status, err).map(|()| state.tags)
    }

    pub fn sink(&self, repository: &str) -> Outcome<Sink> {
        let repository = CString::new(repository).unwrap();
        let (mut out, mut err) = (null_mut(), null_mut());
        // SAFETY: handles and a text.
        let status = unsafe {
            ociimg_registry_sink(self.0, repository.as_ptr(), &raw mut out, &raw mut err)
        };
        outcome(status, err).map(|()| Sink(out))
    }

    /// Copies an image, out of another registry, into a repository.
    pub fn push(
        &self,
        image: &Image,
        repository: &str,
        names: &[&str],
        ctx: Option<&Context>,
    ) -> Outcome<()> {
        let store = Store::with(image);
        let source = Server::start(move |request, body| store.answer(request, body));
        let index = self
            .loader(&format!("{}/source", source.host), ctx)?
            .load(ctx)?;
        let sink = self.sink(repository)?;
        Copy::new(&index, &sink, names)?.run(ctx)?;
        sink.finish(ctx)
    }

    /// Reads all of an image.
    pub fn pull(&self, reference: &str) -> Outcome<Pulled> {
        self.pull_with(reference, None)
    }

    pub fn pull_with(&self, reference: &str, ctx: Option<&Context>) -> Outcome<Pulled> {
        let loader = self.loader(reference, ctx)?;
        let index = loader.load(ctx)?;
        let mut pulled = Pulled {
            root_digest: index.root_digest(),
            layers: Vec::new(),
        };
        for i in 0..index.entry_count() {
            let image = index.image(i, ctx)?;
            for n in 0..image.layer_count() {
                let mut reader = image.layer(n).open(ctx)?;
                pulled.layers.push(reader.read_to_end()?);
            }
        }
        Ok(pulled)
    }
}

pub struct Pulled {
    pub root_digest: String,
    pub layers: Vec<Vec<u8>>,
}

impl Sink {
    pub fn finish(&self, ctx: Option<&Context>) -> Outcome<()> {
        let mut err = null_mut();
        let ctx = ctx.map_or(null(), |ctx| ctx.0.cast_const());
        // SAFETY: handles.
        let status = unsafe { ociimg_sink_finish(self.0, ctx, &raw mut err) };
        outcome(status, err)
    }
}

impl Copy {
    pub fn new(index: &Index, sink: &Sink, names: &[&str]) -> Outcome<Self> {
        let names: Vec<CString> = names
            .iter()
            .map(|name| CString::new(*name).unwrap())
            .collect();
        let pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        let options = CopyOptions {
            struct_size: size_of::<CopyOptions>(),
            names: pointers.as_ptr(),
            name_count: pointers.len(),
            flags: 0,
            max_restarts: 0,
            progress: None,
            user_data: null_mut(),
        };
        let (mut out, mut err) = (null_mut(), null_mut());
        // SAFETY: handles, and texts that live until it returns.
        let status = unsafe {
            ociimg_copy_new(
                index.0,
                sink.0,
                &raw const options,
                &raw mut out,
                &raw mut err,
            )
        };
        outcome(status, err).map(|()| Self(out))
    }

    pub fn run(&self, ctx: Option<&Context>) -> Outcome<()> {
        let mut err = null_mut();
        let ctx = ctx.map_or(null(), |ctx| ctx.0.cast_const());
        // SAFETY: handles.
        let status = unsafe { ociimg_copy_run(self.0, ctx, &raw mut err) };
        outcome(status, err)
    }
}

impl Loader {
    pub fn load(&self, ctx: Option<&Context>) -> Outcome<Index> {
        let (mut out, mut err) = (null_mut(), null_mut());
        let ctx = ctx.map_or(null(), |ctx| ctx.0.cast_const());
        // SAFETY: handles.
        let status = unsafe { ociimg_index_load(self.0, null(), ctx, &raw mut out, &raw mut err) };
        outcome(status, err).map(|()| Index(out))
    }
}

impl Index {
    pub fn entry_count(&self) -> usize {
        // SAFETY: a handle.
        unsafe { ociimg_index_entry_count(self.0) }
    }

    pub fn root_digest(&self) -> String {
        // SAFETY: a handle; the text is copied.
        unsafe { CStr::from_ptr(ociimg_index_root_digest(self.0)) }
            .to_str()
            .unwrap()
            .to_owned()
    }

    pub fn image(&self, i: usize, ctx: Option<&Context>) -> Outcome<ImageHandle> {
        let (mut out, mut err) = (null_mut(), null_mut());
        let ctx = ctx.map_or(null(), |ctx| ctx.0.cast_const());
        // SAFETY: handles.
        let status = unsafe { ociimg_index_image(self.0, i, ctx, &raw mut out, &raw mut err) };
        outcome(status, err).map(|()| ImageHandle(out))
    }
}

impl ImageHandle {
    pub fn layer_count(&self) -> usize {
        // SAFETY: a handle.
        unsafe { ociimg_image_layer_count(self.0) }
    }

    pub fn layer(&self, i: usize) -> Layer {
        // SAFETY: a handle.
        Layer(unsafe { ociimg_image_layer(self.0, i) })
    }
}

impl Layer {
    /// The bytes as they are stored.
    pub fn open(&self, ctx: Option<&Context>) -> Outcome<Reader> {
        const STORED: i32 = 0;
        let (mut out, mut err) = (null_mut(), null_mut());
        let ctx = ctx.map_or(null(), |ctx| ctx.0.cast_const());
        // SAFETY: handles.
        let status =
            unsafe { ociimg_layer_open(self.0, STORED, null(), ctx, &raw mut out, &raw mut err) };
        outcome(status, err).map(|()| Reader(out))
    }
}

impl Reader {
    pub fn read(&mut self, buf: &mut [u8]) -> Outcome<usize> {
        let (mut n, mut err) = (0, null_mut());
        // SAFETY: a handle that no other thread uses, and a buffer.
        let status = unsafe {
            ociimg_reader_read(
                self.0,
                buf.as_mut_ptr(),
                buf.len(),
                &raw mut n,
                &raw mut err,
            )
        };
        outcome(status, err).map(|()| n)
    }

    pub fn read_to_end(&mut self) -> Outcome<Vec<u8>> {
        let mut all = Vec::new();
        let mut buf = vec![0; 64 * 1024];
        loop {
            match self.read(&mut buf)? {
                0 => return Ok(all),
                n => all.extend_from_slice(&buf[..n]),
            }
        }
    }
}
