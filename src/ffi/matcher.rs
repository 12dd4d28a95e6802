//! Matchers: filtering and ordering platforms.

use super::boolean::ociimg_bool;
use super::kit::get::{get_bool, get_new};
use super::kit::handle::{free, give_some};
use super::platform::{host_or_this, ociimg_platform};
use crate::platform::{Matcher, Platform};
use libc::size_t;

/// Decides which platforms match, and which of two is better. Immutable; several threads
/// may use one at once. Freed with ociimg_matcher_free.
///
/// The rules are those of containerd/platforms v1.0.0-rc.4, each constructor being its
/// function of the same name.
pub struct ociimg_matcher(pub(super) Matcher);

/// Matches the platforms that a machine of this platform can run, the nearest first: for
/// arm64 v8 also arm v8, v7, v6 and v5, for amd64 v3 also v2, v1 and 386. NULL for NULL.
/// The caller frees it with ociimg_matcher_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_matcher_only(platform: Option<&ociimg_platform>) -> *mut ociimg_matcher {
    get_new(platform, |p| {
        Some(ociimg_matcher(Matcher::only(&p.platform)))
    })
}

/// Matches only this platform, without older variants. NULL for NULL. The caller frees it
/// with ociimg_matcher_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_matcher_only_strict(
    platform: Option<&ociimg_platform>,
) -> *mut ociimg_matcher {
    get_new(platform, |p| {
        Some(ociimg_matcher(Matcher::only_strict(&p.platform)))
    })
}

/// Matches every platform with the same operating system, this one first. NULL for NULL.
/// The caller frees it with ociimg_matcher_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_matcher_only_os(
    platform: Option<&ociimg_platform>,
) -> *mut ociimg_matcher {
    get_new(platform, |p| {
        Some(ociimg_matcher(Matcher::only_os(&p.platform)))
    })
}

/// Reads an array of platforms; `None` where it or one of them is NULL.
///
/// # Safety
/// `platforms` is NULL or points to `count` platforms, not freed during `'a`, or NULLs.
unsafe fn read_platforms<'a>(
    platforms: *const *mut ociimg_platform,
    count: size_t,
) -> Option<Vec<&'a Platform>> {
    if platforms.is_null() && count > 0 {
        return None;
    }
    let platform = |i| {
        // SAFETY: below `count`, and a platform that lives long enough or NULL.
        let platform = unsafe { platforms.add(i).read().as_ref() }?;
        Some(&*platform.platform)
    };
    (0..count).map(platform).collect()
}

/// Matches each of these platforms, earlier ones preferred. platforms may be NULL if count
/// is 0: that matches nothing. NULL if a platform is NULL. The caller frees it with
/// ociimg_matcher_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_matcher_ordered(
    platforms: *const *mut ociimg_platform,
    count: size_t,
) -> *mut ociimg_matcher {
    give_some(|| {
        // SAFETY: the caller's array has `count` platforms or NULLs.
        let platforms = unsafe { read_platforms(platforms, count) }?;
        Some(ociimg_matcher(Matcher::ordered(&platforms)))
    })
}

/// Matches each of these platforms, without preference. platforms may be NULL if count is
/// 0: that matches nothing. NULL if a platform is NULL. The caller frees it with
/// ociimg_matcher_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_matcher_any(
    platforms: *const *mut ociimg_platform,
    count: size_t,
) -> *mut ociimg_matcher {
    give_some(|| {
        // SAFETY: the caller's array has `count` platforms or NULLs.
        let platforms = unsafe { read_platforms(platforms, count) }?;
        Some(ociimg_matcher(Matcher::any(&platforms)))
    })
}

/// Matches every platform, without preference. The caller frees it with
/// ociimg_matcher_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_matcher_all() -> *mut ociimg_matcher {
    give_some(|| Some(ociimg_matcher(Matcher::all())))
}

/// Matches the platforms that a machine of platform `host` runs by default; NULL is this
/// machine. On Linux that is ociimg_matcher_only; Darwin and FreeBSD fall back to Linux,
/// Windows has a rule for its versions. The caller frees it with ociimg_matcher_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_matcher_default(host: Option<&ociimg_platform>) -> *mut ociimg_matcher {
    give_some(|| {
        let host = host_or_this(host);
        Some(ociimg_matcher(Matcher::default_for(host)))
    })
}

/// Whether a platform matches; false for NULL. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_matcher_match(
    matcher: Option<&ociimg_matcher>,
    platform: Option<&ociimg_platform>,
) -> ociimg_bool {
    get_bool(matcher, |m| {
        platform.is_some_and(|platform| m.0.matches(&platform.platform))
    })
}

/// Whether platform a is better than b; false for NULL. A matching platform is better than
/// any other. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_matcher_less(
    matcher: Option<&ociimg_matcher>,
    a: Option<&ociimg_platform>,
    b: Option<&ociimg_platform>,
) -> ociimg_bool {
    get_bool(matcher, |m| match (a, b) {
        (Some(a), Some(b)) => m.0.less(&a.platform, &b.platform),
        _ => false,
    })
}

/// Frees a matcher; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_matcher_free(matcher: *mut ociimg_matcher) {
    // SAFETY: a matcher of ours or NULL, given back once.
    unsafe { free(matcher) }
}
