use super::kit::optional_text;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::reference::Mirror;
use std::ffi::{CStr, OsStr, c_char};
use std::mem::{MaybeUninit, offset_of};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;
use std::time::Duration;

/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=None
/// The bits of flags in ociimg_registry_options.
#[repr(i32)]
#[derive(Clone, Copy)]
pub enum ociimg_registry_flags {
    /// Use http, never https. By default http is used on loopback alone (localhost,
    /// 127.0.0.0/8, ::1), if https is refused or answered by something that is not TLS.
    OCIIMG_REGISTRY_PLAIN_HTTP = 1,
    /// Do not check certificates.
    OCIIMG_REGISTRY_INSECURE_TLS = 2,
    /// Do not read the default files with logins; auth_file is read if it is set.
    OCIIMG_REGISTRY_NO_AUTH_FILES = 4,
    /// Start no docker-credential-* program.
    OCIIMG_REGISTRY_NO_CREDENTIAL_HELPERS = 8,
    /// Use no proxy, neither the option's nor the environment's.
    OCIIMG_REGISTRY_NO_PROXY = 16,
}

use ociimg_registry_flags::*;

/// Options of ociimg_registry_new. Zero it and set struct_size: a field that is 0, NULL or ""
/// has its default. Texts are copied; paths are bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ociimg_registry_options {
    /// sizeof(ociimg_registry_options), as your program knows it.
    pub struct_size: usize,
    /// The login for the registry of a reference; never sent to a mirror. Default: the login
    /// in the auth files.
    pub username: *const c_char,
    /// The password for username.
    pub password: *const c_char,
    /// A bearer token for the registry, instead of username and password.
    pub token: *const c_char,
    /// The only file to read logins from. Default: REGISTRY_AUTH_FILE,
    /// XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json,
    /// DOCKER_CONFIG/config.json and ~/.docker/config.json; the first that has a login for
    /// the registry counts.
    pub auth_file: *const c_char,
    /// A file of certificate authorities in PEM. They are trusted in addition to those of the
    /// system and of certs.d (~/.config/containers, /etc/containers, /etc/docker).
    pub ca_file: *const c_char,
    /// A file with a client certificate in PEM, for the registry alone. Default: certs.d.
    pub client_cert: *const c_char,
    /// A file with its key in PEM. Default: client_cert. Invalid without client_cert.
    pub client_key: *const c_char,
    /// A proxy for every host, "http://host:port". Default: https_proxy, http_proxy, all_proxy
    /// and no_proxy of the environment, as libcurl reads them.
    pub proxy: *const c_char,
    /// The User-Agent of requests. Default: "ociimg-registry/" and the version.
    pub user_agent: *const c_char,
    /// Mirrors, "host[:port][/prefix]" each, in their order. They are asked for blobs, and for
    /// manifests by digest, before the registry. Default: none.
    pub mirrors: *const *const c_char,
    /// The number of mirrors.
    pub mirror_count: usize,
    /// The most bytes of a manifest or index. Default: 4 MiB.
    pub max_manifest_size: u64,
    /// OCIIMG_REGISTRY_ bits. An unknown one is OCIIMG_STATUS_UNSUPPORTED.
    pub flags: u32,
    /// Milliseconds that connecting may take. Default: 30,000.
    pub connect_timeout_ms: u32,
    /// Milliseconds that a server or credential helper may be silent. Default: 60,000.
    pub stall_timeout_ms: u32,
    /// Attempts after the first, as long as there is no progress between them. Default: 5.
    pub max_retries: u32,
}

/// No struct of ours is larger.
const MAX_SIZE: usize = 4096;

/// Its size when it was first published; it never shrinks.
const MIN_SIZE: usize = offset_of!(ociimg_registry_options, max_retries) + size_of::<u32>();

/// # Safety
/// `given` is NULL or points to as many readable bytes as its `struct_size` says, with texts
/// as the struct has them.
pub(super) unsafe fn read(given: *const ociimg_registry_options) -> Result<Options> {
    // SAFETY: as the caller says.
    let given = unsafe { completed(given) }?;
    const KNOWN: u32 = OCIIMG_REGISTRY_PLAIN_HTTP as u32
        | OCIIMG_REGISTRY_INSECURE_TLS as u32
        | OCIIMG_REGISTRY_NO_AUTH_FILES as u32
        | OCIIMG_REGISTRY_NO_CREDENTIAL_HELPERS as u32
        | OCIIMG_REGISTRY_NO_PROXY as u32;
    if given.flags & !KNOWN != 0 {
        let unknown = given.flags & !KNOWN;
        return Err(Error::unsupported(format!(
            "flags of ociimg_registry_options has the unknown bits {unknown:#x}"
        )));
    }
    let has = |flag: ociimg_registry_flags| given.flags & flag as u32 != 0;
    let default = Options::default();
    let or = |value: u32, default: Duration| match value {
        0 => default,
        value => Duration::from_millis(value.into()),
    };
    // SAFETY: texts, as the caller says.
    unsafe {
        let options = Options {
            username: owned(given.username, "username")?,
            password: owned(given.password, "password")?,
            token: owned(given.token, "token")?,
            auth_file: path(given.auth_file),
            ca_file: path(given.ca_file),
            client_cert: path(given.client_cert),
            client_key: path(given.client_key),
            proxy: owned(given.proxy, "proxy")?,
            user_agent: owned(given.user_agent, "user_agent")?.unwrap_or(default.user_agent),
            mirrors: mirrors(given.mirrors, given.mirror_count)?,
            max_manifest_size: match given.max_manifest_size {
                0 => default.max_manifest_size,
                size => size,
            },
            is_plain_http: has(OCIIMG_REGISTRY_PLAIN_HTTP),
            is_insecure_tls: has(OCIIMG_REGISTRY_INSECURE_TLS),
            no_auth_files: has(OCIIMG_REGISTRY_NO_AUTH_FILES),
            no_credential_helpers: has(OCIIMG_REGISTRY_NO_CREDENTIAL_HELPERS),
            no_proxy: has(OCIIMG_REGISTRY_NO_PROXY),
            connect_timeout: or(given.connect_timeout_ms, default.connect_timeout),
            stall_timeout: or(given.stall_timeout_ms, default.stall_timeout),
            max_retries: match given.max_retries {
                0 => default.max_retries,
                retries => retries,
            },
        };
        options.check()?;
        Ok(options)
    }
}

/// # Safety
/// As for [`read`].
unsafe fn completed(given: *const ociimg_registry_options) -> Result<ociimg_registry_options> {
    let mut known = MaybeUninit::<ociimg_registry_options>::zeroed();
    if given.is_null() {
        // SAFETY: all zeros is a value of it.
        return Ok(unsafe { known.assume_init() });
    }
    // SAFETY: it starts with its size; nothing is known of its alignment.
    let size = unsafe { given.cast::<usize>().read_unaligned() };
    if !(MIN_SIZE..=MAX_SIZE).contains(&size) {
        return Err(Error::invalid(format!(
            "struct_size of ociimg_registry_options is {size}, expected {MIN_SIZE} to {MAX_SIZE}"
        )));
    }
    let own = size_of::<ociimg_registry_options>();
    // SAFETY: `size` bytes can be read, and no more than `known` has are copied.
    unsafe {
        ptr::copy_nonoverlapping(given.cast::<u8>(), known.as_mut_ptr().cast(), size.min(own))
    };
    for at in own..size {
        // SAFETY: below `size`.
        if unsafe { given.cast::<u8>().add(at).read() } != 0 {
            return Err(Error::unsupported(format!(
                "ociimg_registry_options sets a field at byte {at}, which this version of the library does not know"
            )));
        }
    }
    // SAFETY: zeros, with what C wrote over them.
    Ok(unsafe { known.assume_init() })
}

/// # Safety
/// `text` is NULL or a text.
unsafe fn owned(text: *const c_char, name: &str) -> Result<Option<String>> {
    // SAFETY: as the caller says.
    Ok(unsafe { optional_text(text, name) }?.map(str::to_owned))
}

/// # Safety
/// `text` is NULL or a text.
unsafe fn path(text: *const c_char) -> Option<PathBuf> {
    if text.is_null() {
        return None;
    }
    // SAFETY: as the caller says.
    let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
    (!bytes.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(bytes)))
}

/// # Safety
/// `list` is NULL or has `count` texts.
unsafe fn mirrors(list: *const *const c_char, count: usize) -> Result<Vec<Mirror>> {
    if list.is_null() && count > 0 {
        return Err(super::kit::null("mirrors"));
    }
    (0..count)
        .map(|i| {
            // SAFETY: as the caller says.
            let text = unsafe { super::kit::text(*list.add(i), "a mirror") }?;
            Mirror::parse(text)
        })
        .collect()
}
