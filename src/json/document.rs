//! A whole document: UTF-8 without a byte order mark, exactly one value.

use super::fault::{Fault, Result};
use super::foreign_format::foreign_format;
use super::parse::Parser;

/// Reads a document, which is exactly one value.
pub fn document<'a, T>(
    document: &'a [u8],
    read: impl FnOnce(&mut Parser<'a>) -> Result<T>,
) -> Result<T> {
    if let Some(found) = foreign_format(document) {
        return Err(Fault::of_grammar(format_args!(
            "found {found}, expected JSON"
        )));
    }
    let text = std::str::from_utf8(document).map_err(|e| {
        Fault::of_grammar(format_args!(
            "found bytes that are not UTF-8 at offset {}, expected JSON",
            e.valid_up_to()
        ))
    })?;
    if text.starts_with('\u{feff}') {
        return Err(Fault::of_grammar(
            "found a byte order mark, expected JSON without one",
        ));
    }
    if u32::try_from(text.len()).is_err() {
        return Err(Fault::of_grammar("found 4 GiB or more, expected less"));
    }
    let mut parser = Parser::new(text);
    let value = read(&mut parser)?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.unexpected("the end of the document")),
    }
}
