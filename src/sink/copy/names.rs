//! The names that a program gives to what it copies.

use super::options::CopyOptions;
use crate::error::{Error, Result};
use crate::text::{Escaped, Text};

/// The most names in a message.
const MAX_NAMES: usize = 16;

/// A name is only given to a single root; the list of a layout or archive may have several.
pub fn expect_one_root(
    options: &CopyOptions,
    own_names: impl ExactSizeIterator<Item = Option<Text>>,
) -> Result<()> {
    let count = own_names.len();
    if options.names.is_empty() || count == 1 {
        return Ok(());
    }
    let quoted: Vec<_> = own_names
        .take(MAX_NAMES)
        .map(|name| match &name {
            Some(name) => format!("\"{}\"", Escaped(name)),
            None => "one without a name".to_owned(),
        })
        .collect();
    let more = if count > MAX_NAMES { ", ..." } else { "" };
    Err(Error::invalid_argument(format_args!(
        "the source lists {count} images or indexes ({}{more}), expected one to give a name to: \
         choose one with ref_name",
        quoted.join(", ")
    )))
}
