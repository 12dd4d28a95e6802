use super::platform::host_or_this;
use super::{free, get, get_new, give_some, ociimg_platform};
use crate::platform::{Matcher, Platform};

/// Says which platforms are taken, and which of two is better. Immutable; several threads
/// may use one at once. Owned by whoever made it, and freed with ociimg_matcher_free.
///
/// The rules are those of containerd/platforms v1.0.0-rc.4, whose function of the same
/// name each constructor is.
pub struct ociimg_matcher(pub(super) Matcher);

/// Takes what a machine of this platform can run, the nearest first: for arm64 v8 also arm
/// v8, v7, v6 and v5, for amd64 v3 also v2, v1 and 386. NULL for NULL. The caller frees it
/// with ociimg_matcher_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_matcher_only(p: *const ociimg_platform) -> *mut ociimg_matcher {
    // SAFETY: a platform of ours or NULL.
    unsafe { get_new(p, |p| Some(ociimg_matcher(Matcher::only(&p.platform)))) }
}

/// Takes this platform alone, with no older variant of it. NULL for NULL. The caller frees
/// it with ociimg_matcher_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_matcher_only_strict(
    p: *const ociimg_platform,
) -> *mut ociimg_matcher {
    // SAFETY: a platform of ours or NULL.
    unsafe {
        get_new(p, |p| {
            Some(ociimg_matcher(Matcher::only_strict(&p.platform)))
        })
    }
}

/// Takes every platform of this one's operating system, this one first. NULL for NULL. The
/// caller frees it with ociimg_matcher_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_matcher_only_os(p: *const ociimg_platform) -> *mut ociimg_matcher {
    // SAFETY: a platform of ours or NULL.
    unsafe { get_new(p, |p| Some(ociimg_matcher(Matcher::only_os(&p.platform)))) }
}

/// The platforms of an array; `None` where it or one of them is NULL.
///
/// # Safety
/// `ps` is NULL or points to `count` platforms, not freed during `'a`, or NULLs.
unsafe fn platforms<'a>(
    ps: *const *mut ociimg_platform,
    count: usize,
) -> Option<Vec<&'a Platform>> {
    if ps.is_null() && count > 0 {
        return None;
    }
    let platform = |i| {
        // SAFETY: as the caller says.
        let platform = unsafe { ps.add(i).read().as_ref() }?;
        Some(&*platform.platform)
    };
    (0..count).map(platform).collect()
}

/// Takes each of these platforms, earlier ones preferred. ps may be NULL if count is
/// 0: that takes nothing. NULL where a platform is NULL. The caller frees it with
/// ociimg_matcher_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_matcher_ordered(
    ps: *const *mut ociimg_platform,
    count: usize,
) -> *mut ociimg_matcher {
    // SAFETY: an array of as many platforms as counted.
    give_some(|| unsafe { platforms(ps, count) }.map(|ps| ociimg_matcher(Matcher::ordered(&ps))))
}

/// Takes each of these platforms, without preference. ps may be NULL if count is 0:
/// that takes nothing. NULL where a platform is NULL. The caller frees it with
/// ociimg_matcher_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_matcher_any(
    ps: *const *mut ociimg_platform,
    count: usize,
) -> *mut ociimg_matcher {
    // SAFETY: an array of as many platforms as counted.
    give_some(|| unsafe { platforms(ps, count) }.map(|ps| ociimg_matcher(Matcher::any(&ps))))
}

/// Takes every platform, without preference. The caller frees it with
/// ociimg_matcher_free.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_matcher_all() -> *mut ociimg_matcher {
    give_some(|| Some(ociimg_matcher(Matcher::all())))
}

/// Takes what a machine of platform `host` runs by default; NULL is this machine. On Linux
/// that is ociimg_matcher_only; Darwin and FreeBSD fall back to Linux, Windows has a rule
/// for its versions. The caller frees it with ociimg_matcher_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_matcher_default(
    host: *const ociimg_platform,
) -> *mut ociimg_matcher {
    give_some(|| {
        // SAFETY: a platform of ours or NULL.
        let host = unsafe { host_or_this(host) };
        Some(ociimg_matcher(Matcher::default_for(host)))
    })
}

/// Whether the matcher takes a platform; false for NULL. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_matcher_match(
    m: *const ociimg_matcher,
    p: *const ociimg_platform,
) -> bool {
    // SAFETY: a matcher and a platform of ours or NULL.
    unsafe { get(m, false, |m| get(p, false, |p| m.0.matches(&p.platform))) }
}

/// Whether platform a is better than b; false for NULL. What the matcher takes is better
/// than what it doesn't. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_matcher_less(
    m: *const ociimg_matcher,
    a: *const ociimg_platform,
    b: *const ociimg_platform,
) -> bool {
    // SAFETY: a matcher and platforms of ours or NULL.
    unsafe {
        get(m, false, |m| {
            get(a, false, |a| {
                get(b, false, |b| m.0.less(&a.platform, &b.platform))
            })
        })
    }
}

/// Frees a matcher; NULL does nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ociimg_matcher_free(m: *mut ociimg_matcher) {
    // SAFETY: a matcher of ours or NULL, given back once.
    unsafe { free(m) }
}
