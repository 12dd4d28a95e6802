//! The supported media types.

use super::kit::guard::guard;
use super::kit::text::lend;
use crate::media_type::{Kind, supported};
use crate::text::Text;
use libc::{c_char, size_t};
use std::ptr;
use std::sync::LazyLock;

/// The media type of indexes at a place of the list of supported ones, OCI's first; NULL
/// beyond its end. For the Accept header of a request, with those of
/// ociimg_supported_manifest_media_type_at. Static text. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_supported_index_media_type_at(i: size_t) -> *const c_char {
    static INDEXES: LazyLock<Vec<Text>> = LazyLock::new(|| texts(Kind::Index));
    item(&INDEXES, i)
}

/// The media type of manifests at a place of the list of supported ones, OCI's first; NULL
/// beyond its end. Static text. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_supported_manifest_media_type_at(i: size_t) -> *const c_char {
    static MANIFESTS: LazyLock<Vec<Text>> = LazyLock::new(|| texts(Kind::Manifest));
    item(&MANIFESTS, i)
}

fn item(list: &LazyLock<Vec<Text>>, i: size_t) -> *const c_char {
    guard(|| lend(list.get(i))).unwrap_or(ptr::null())
}

fn texts(kind: Kind) -> Vec<Text> {
    let text = |name: String| Text::new(&name).expect("a media type has no NUL");
    supported(kind).into_iter().map(text).collect()
}
