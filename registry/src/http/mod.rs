//! The formats of HTTP, apart from its transfer: addresses, hosts, fields.

pub mod head;
pub mod host;
pub mod link;
pub mod range;
pub mod retry_after;
pub mod url;
