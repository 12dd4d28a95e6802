//! The version of the library.

use libc::c_char;

/// The version of the library in use, as "major.minor.patch". Static text, never NULL.
/// Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the library in use as one number to compare:
/// major * 1000000 + minor * 1000 + patch. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn ociimg_version_number() -> u32 {
    const fn number(digits: &str) -> u32 {
        match u32::from_str_radix(digits, 10) {
            Ok(number) => number,
            Err(_) => panic!("cargo's versions are numbers"),
        }
    }
    const {
        number(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
            + number(env!("CARGO_PKG_VERSION_MINOR")) * 1_000
            + number(env!("CARGO_PKG_VERSION_PATCH"))
    }
}
