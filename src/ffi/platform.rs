//! Platforms.

use super::error::{ociimg_error, ociimg_status};
use super::kit::get::{get, get_item, get_new, get_text};
use super::kit::handle::{free, give_some, invalid, null};
use super::kit::outcome::create;
use super::kit::text::{nullable_text, optional_text, text_of_caller};
use crate::error::Result;
use crate::platform::Platform;
use crate::text::Text;
use crate::text_list::TextListBuilder;
use libc::{c_char, size_t};
use std::sync::{Arc, OnceLock};

/// An operating system and processor. Immutable; several threads may read one at once.
/// Freed with ociimg_platform_free.
///
/// The rules for platforms are those of containerd/platforms v1.0.0-rc.4.
pub struct ociimg_platform {
    pub(super) platform: Arc<Platform>,
    format: OnceLock<Text>,
    format_all: OnceLock<Text>,
}

impl From<Arc<Platform>> for ociimg_platform {
    fn from(platform: Arc<Platform>) -> Self {
        Self {
            platform,
            format: OnceLock::new(),
            format_all: OnceLock::new(),
        }
    }
}

impl From<Platform> for ociimg_platform {
    fn from(platform: Platform) -> Self {
        Arc::new(platform).into()
    }
}

/// The platform of the host: this machine's for NULL.
pub(super) fn host_or_this(host: Option<&ociimg_platform>) -> &Platform {
    match host {
        Some(host) => &host.platform,
        None => Platform::host(),
    }
}

/// Parses "os", "arch", "os/arch" or "os/arch/variant", where os may be
/// "os(version+feature+...)": "linux/arm64/v8", "windows(10.0.17763)/amd64". host is
/// the machine whose fields complete the specifier ("arm64" alone has the host's os); NULL
/// is this machine. The caller frees *out with ociimg_platform_free. Any thread; runs no
/// callbacks.
///
/// Fails with the statuses of arguments, also for an invalid specifier; the message names the
/// invalid part and what is allowed there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_platform_parse(
    specifier: *const c_char,
    host: Option<&ociimg_platform>,
    out: *mut *mut ociimg_platform,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: a C string, a platform or NULL, outputs that are NULL or can be written.
    unsafe {
        create(out, err, || {
            let specifier =
                nullable_text(specifier, "specifier")?.ok_or_else(|| null("specifier"))?;
            let platform = Platform::parse(specifier, host_or_this(host)).map_err(invalid)?;
            Ok(platform.into())
        })
    }
}

/// Makes a platform from these texts, each unchanged; every one may be NULL or "" for
/// absent, os_features may be NULL if os_feature_count is 0, its items may be "". The texts
/// are copied. The caller frees *out with ociimg_platform_free. Any thread; runs no callbacks.
///
/// Fails with the statuses of arguments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_platform_new(
    os: *const c_char,
    architecture: *const c_char,
    variant: *const c_char,
    os_version: *const c_char,
    os_features: *const *const c_char,
    os_feature_count: size_t,
    out: *mut *mut ociimg_platform,
    err: *mut *mut ociimg_error,
) -> ociimg_status {
    // SAFETY: C strings or NULL, as many features as counted, outputs that are NULL or can
    // be written.
    unsafe {
        create(out, err, || {
            let text = |text, name| -> Result<Option<Text>> {
                Ok(optional_text(text, name)?.map(text_of_caller))
            };
            if os_features.is_null() && os_feature_count > 0 {
                return Err(null("os_features"));
            }
            let mut features = TextListBuilder::default();
            for i in 0..os_feature_count {
                let feature = nullable_text(os_features.add(i).read(), "os_features")?;
                let feature =
                    feature.ok_or_else(|| invalid(format_args!("os_features[{i}] is NULL")))?;
                features.push_text(text_of_caller(feature).borrowed());
            }
            let platform = Platform {
                os: text(os, "os")?,
                architecture: text(architecture, "architecture")?,
                variant: text(variant, "variant")?,
                os_version: text(os_version, "os_version")?,
                os_features: features.finish(),
            };
            Ok(platform.into())
        })
    }
}

/// The platform of this machine, with its processor's variant. The caller frees it with
/// ociimg_platform_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_platform_host() -> *mut ociimg_platform {
    give_some(|| Some(Platform::host().clone().into()))
}

/// Returns the normal form of a platform, in which platforms are compared: "x86_64" is
/// "amd64", "macos" is "darwin", "arm" is "arm" "v7"; an absent os is this machine's. NULL
/// for NULL. The caller frees it with ociimg_platform_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_platform_normalize(
    platform: Option<&ociimg_platform>,
) -> *mut ociimg_platform {
    get_new(platform, |p| Some(p.platform.normalize().into()))
}

/// The operating system ("linux"), as written; NULL where it is absent. Lives as long as
/// the platform.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_platform_os(platform: Option<&ociimg_platform>) -> *const c_char {
    get_text(platform, |p| p.platform.os.as_ref())
}

/// The processor architecture ("amd64"), as written; NULL where it is absent. Lives as
/// long as the platform.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_platform_architecture(
    platform: Option<&ociimg_platform>,
) -> *const c_char {
    get_text(platform, |p| p.platform.architecture.as_ref())
}

/// The processor's variant ("v8"), as written; NULL where it is absent. Lives as long as
/// the platform.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_platform_variant(platform: Option<&ociimg_platform>) -> *const c_char {
    get_text(platform, |p| p.platform.variant.as_ref())
}

/// The version of the operating system ("10.0.17763.1397"), as written; NULL where it is
/// absent. Lives as long as the platform.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_platform_os_version(platform: Option<&ociimg_platform>) -> *const c_char {
    get_text(platform, |p| p.platform.os_version.as_ref())
}

/// The number of features of the operating system; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_platform_os_feature_count(platform: Option<&ociimg_platform>) -> size_t {
    get(platform, 0, |p| p.platform.os_features.len())
}

/// The feature at a place of the list ("win32k"), which may be ""; NULL beyond its end.
/// Lives as long as the platform.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_platform_os_feature_at(
    platform: Option<&ociimg_platform>,
    i: size_t,
) -> *const c_char {
    get_item(platform, |p| p.platform.os_features.get(i))
}

/// "os/architecture/variant", without absent parts; an absent os is "unknown". NULL for
/// NULL. Lives as long as the platform.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_platform_format(platform: Option<&ociimg_platform>) -> *const c_char {
    get_text(platform, |p| {
        Some(
            p.format
                .get_or_init(|| text_of_caller(&p.platform.format())),
        )
    })
}

/// "os(version+feature+...)/architecture/variant", without absent parts, the features
/// sorted; an absent os is "unknown". NULL for NULL. Lives as long as the platform.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_platform_format_all(platform: Option<&ociimg_platform>) -> *const c_char {
    get_text(platform, |p| {
        let format_all = || text_of_caller(&p.platform.format_all());
        Some(p.format_all.get_or_init(format_all))
    })
}

/// Frees a platform; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_platform_free(platform: *mut ociimg_platform) {
    // SAFETY: a platform of ours or NULL, given back once.
    unsafe { free(platform) }
}
