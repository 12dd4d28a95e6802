//! The declarations from `include/ociimg.h` that this library uses.
//!
//! `tests/declarations.rs` compares it with the header.

#![allow(non_camel_case_types)]

use std::ffi::{c_char, c_void};

pub type ociimg_status = i32;
pub type ociimg_bool = i32;

pub const OCIIMG_STATUS_OK: ociimg_status = 0;
pub const OCIIMG_STATUS_INVALID_ARGUMENT: ociimg_status = 1;
pub const OCIIMG_STATUS_NOT_FOUND: ociimg_status = 2;
pub const OCIIMG_STATUS_UNSUPPORTED: ociimg_status = 3;
pub const OCIIMG_STATUS_MALFORMED: ociimg_status = 4;
pub const OCIIMG_STATUS_LIMIT_EXCEEDED: ociimg_status = 7;
pub const OCIIMG_STATUS_CANCELLED: ociimg_status = 8;
pub const OCIIMG_STATUS_CALLBACK: ociimg_status = 9;
pub const OCIIMG_STATUS_INTERNAL: ociimg_status = 14;
pub const OCIIMG_STATUS_EXISTS: ociimg_status = 15;
pub const OCIIMG_STATUS_RESTART: ociimg_status = 16;
pub const OCIIMG_STATUS_DENIED: ociimg_status = 18;
pub const OCIIMG_STATUS_UNAVAILABLE: ociimg_status = 19;

/// Types of which only pointers are known.
macro_rules! opaque {
    ($($name:ident),* $(,)?) => {
        $(#[repr(C)]
        pub struct $name {
            _opaque: [u8; 0],
        })*
    };
}

opaque!(
    ociimg_error,
    ociimg_context,
    ociimg_call,
    ociimg_loader,
    ociimg_sink,
    ociimg_descriptor,
    ociimg_reference,
);

#[repr(C)]
pub struct ociimg_loader_vtable {
    pub struct_size: usize,
    pub root_digest:
        Option<unsafe extern "C" fn(*mut c_void, *mut c_char, usize, *mut ociimg_call) -> i32>,
    pub open_root_manifest:
        Option<unsafe extern "C" fn(*mut c_void, *mut *mut c_void, *mut ociimg_call) -> i32>,
    pub open_manifest: Option<
        unsafe extern "C" fn(*mut c_void, *const c_char, *mut *mut c_void, *mut ociimg_call) -> i32,
    >,
    pub open_blob: Option<
        unsafe extern "C" fn(*mut c_void, *const c_char, *mut *mut c_void, *mut ociimg_call) -> i32,
    >,
    pub read: Option<
        unsafe extern "C" fn(
            *mut c_void,
            *mut c_void,
            *mut u8,
            usize,
            *mut usize,
            *mut ociimg_call,
        ) -> i32,
    >,
    pub close: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
    pub destroy: Option<unsafe extern "C" fn(*mut c_void)>,
}

#[repr(C)]
pub struct ociimg_sink_vtable {
    pub struct_size: usize,
    pub max_streams: u32,
    pub reserved: u32,
    pub has_blob: Option<
        unsafe extern "C" fn(
            *mut c_void,
            *const ociimg_descriptor,
            *mut ociimg_bool,
            *mut ociimg_call,
        ) -> i32,
    >,
    pub begin_blob: Option<
        unsafe extern "C" fn(
            *mut c_void,
            *const ociimg_descriptor,
            *mut *mut c_void,
            *mut u64,
            *mut ociimg_call,
        ) -> i32,
    >,
    pub write: Option<
        unsafe extern "C" fn(*mut c_void, *mut c_void, *const u8, usize, *mut ociimg_call) -> i32,
    >,
    pub commit_blob:
        Option<unsafe extern "C" fn(*mut c_void, *mut c_void, *mut ociimg_call) -> i32>,
    pub abort_blob: Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>,
    pub put_manifest: Option<
        unsafe extern "C" fn(
            *mut c_void,
            *const ociimg_descriptor,
            *const u8,
            usize,
            *mut ociimg_call,
        ) -> i32,
    >,
    pub put_root: Option<
        unsafe extern "C" fn(
            *mut c_void,
            *const ociimg_descriptor,
            *const u8,
            usize,
            *const c_char,
            *mut ociimg_call,
        ) -> i32,
    >,
    pub finish: Option<unsafe extern "C" fn(*mut c_void, *mut ociimg_call) -> i32>,
    pub destroy: Option<unsafe extern "C" fn(*mut c_void)>,
}

unsafe extern "C" {
    pub fn ociimg_error_new(
        status: ociimg_status,
        callback_code: i64,
        message: *const c_char,
    ) -> *mut ociimg_error;
    pub fn ociimg_error_message(err: *const ociimg_error) -> *const c_char;
    pub fn ociimg_error_free(err: *mut ociimg_error);
    pub fn ociimg_reference_parse(
        text: *const c_char,
        out: *mut *mut ociimg_reference,
        err: *mut *mut ociimg_error,
    ) -> ociimg_status;
    pub fn ociimg_reference_registry(reference: *const ociimg_reference) -> *const c_char;
    pub fn ociimg_reference_repository(reference: *const ociimg_reference) -> *const c_char;
    pub fn ociimg_reference_tag(reference: *const ociimg_reference) -> *const c_char;
    pub fn ociimg_reference_digest(reference: *const ociimg_reference) -> *const c_char;
    pub fn ociimg_reference_free(reference: *mut ociimg_reference);
    pub fn ociimg_context_is_cancelled(ctx: *const ociimg_context) -> ociimg_bool;
    pub fn ociimg_supported_index_media_type_at(i: usize) -> *const c_char;
    pub fn ociimg_supported_manifest_media_type_at(i: usize) -> *const c_char;
    pub fn ociimg_call_fail(
        call: *mut ociimg_call,
        status: i32,
        callback_code: i64,
        message: *const c_char,
    ) -> i32;
    pub fn ociimg_call_is_cancelled(call: *const ociimg_call) -> ociimg_bool;
    pub fn ociimg_loader_new(
        vtable: *const ociimg_loader_vtable,
        state: *mut c_void,
        out: *mut *mut ociimg_loader,
        err: *mut *mut ociimg_error,
    ) -> ociimg_status;
    pub fn ociimg_sink_new(
        vtable: *const ociimg_sink_vtable,
        state: *mut c_void,
        out: *mut *mut ociimg_sink,
        err: *mut *mut ociimg_error,
    ) -> ociimg_status;
    pub fn ociimg_descriptor_media_type(d: *const ociimg_descriptor) -> *const c_char;
    pub fn ociimg_descriptor_digest(d: *const ociimg_descriptor) -> *const c_char;
    pub fn ociimg_descriptor_size(d: *const ociimg_descriptor) -> u64;
}
