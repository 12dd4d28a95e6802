//! Nothing unwinds across the C surface, in either direction.

use crate::error::{Error, Result};
use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;

/// Runs the body of an exported function. A panic becomes INTERNAL: unwinding into C is
/// undefined behaviour.
pub fn guard<R>(run: impl FnOnce() -> R) -> Result<R> {
    // A panic leaves no half-changed handle behind that could be used again: handles are
    // immutable, or detect that a change was interrupted.
    catch_unwind(AssertUnwindSafe(run)).map_err(internal)
}

// Every exported function has a copy of its guard, but none of this.
#[cold]
#[inline(never)]
fn internal(panic: Box<dyn Any + Send>) -> Error {
    Error::internal(format_args!(
        "a bug in the library: {}",
        panic_message(&*panic)
    ))
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}

/// Runs a function of the program. Anything that unwinds out of it (a C++ exception) aborts
/// the process here: further up, destructors would call the program again before [`guard`],
/// which can only contain Rust's own panics.
pub fn call_out<R>(callback: impl FnOnce() -> R) -> R {
    struct Unwinding;
    impl Drop for Unwinding {
        fn drop(&mut self) {
            eprintln!("ociimg: something unwinds out of a callback, which is not allowed");
            process::abort();
        }
    }
    let unwinding = Unwinding;
    let returned = callback();
    mem::forget(unwinding);
    returned
}
