//! Structs that start with their size: an old program runs with a new library, and the
//! other way round.

use super::handle::invalid;
use crate::error::{Error, Result};
use std::mem::{MaybeUninit, size_of};
use std::ptr;

/// A struct of the header that starts with `struct_size`.
///
/// # Safety
/// It is `repr(C)`, its first field is a `usize`, all its bytes being zero is a value of
/// it, and so is every content of its other fields that C can write.
pub unsafe trait Published: Copy {
    /// Its size when it was first published; it never gets smaller.
    const FIRST_PUBLISHED: usize;
    const NAME: &'static str;
}

/// No struct of the library will be larger: a larger struct_size is an error.
const MAX_STRUCT_SIZE: usize = 4096;

/// The struct as the caller's header has it, completed with zeros.
///
/// # Safety
/// `given` is NULL or points to as many readable bytes as its `struct_size` says.
pub unsafe fn read<T: Published>(given: *const T) -> Result<T> {
    let mut known = MaybeUninit::<T>::zeroed();
    if given.is_null() {
        // SAFETY: all zeros is a value of it.
        return Ok(unsafe { known.assume_init() });
    }
    // SAFETY: it starts with its size; nothing is known of its alignment.
    let size = unsafe { given.cast::<usize>().read_unaligned() };
    if !(T::FIRST_PUBLISHED..=MAX_STRUCT_SIZE).contains(&size) {
        return Err(invalid(format_args!(
            "struct_size of {} is {size}, expected {} to {MAX_STRUCT_SIZE}",
            T::NAME,
            T::FIRST_PUBLISHED
        )));
    }
    // SAFETY: `size` bytes can be read, and no more than `known` has are copied.
    unsafe {
        let bytes = known.as_mut_ptr().cast::<u8>();
        ptr::copy_nonoverlapping(given.cast(), bytes, size.min(size_of::<T>()));
    }
    for at in size_of::<T>()..size {
        // SAFETY: below `size`.
        if unsafe { given.cast::<u8>().add(at).read() } != 0 {
            return Err(Error::unsupported(format_args!(
                "{} sets a field at byte {at}, which this version of the library does not know",
                T::NAME
            )));
        }
    }
    // SAFETY: zeros, with what C wrote over them.
    Ok(unsafe { known.assume_init() })
}
