//! Looking up a name, through any links to it and to the folders on its path.

use super::path::{MAX_NAME, joined, normalized, push};
use super::sparse::Sparse;
use super::table::{Node, Table};
use crate::error::Status;
use std::ops::Range;
use thiserror::Error as LeafError;

/// The most links on the way to one file: the limit of Linux.
const MAX_LINKS: u32 = 40;
/// The most names looked up while following links: a hostile archive may name thousands of
/// layers.
const MAX_LOOKUPS: u32 = 128;

/// A regular file of an archive.
#[derive(Clone, Debug)]
pub enum Found<'a> {
    /// The offsets of its content.
    File(Range<u64>),
    Sparse(&'a Sparse),
}

/// Why a name leads to no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, LeafError)]
pub enum FindError {
    #[error("found no such entry in the archive")]
    Absent,
    #[error(
        "leads out of the archive, or to a longer name than a path can have: expected a file in it"
    )]
    LeadsOut,
    #[error("found a file in the place of a folder")]
    FileAsFolder,
    #[error("found links that lead on and on, expected them to end")]
    EndlessLinks,
    #[error("found no regular file where one was expected")]
    NotRegular,
}

impl FindError {
    pub fn status(self) -> Status {
        match self {
            Self::Absent => Status::NotFound,
            _ => Status::Malformed,
        }
    }
}

impl Table {
    /// The file with this name.
    pub fn find(&self, wanted: &str) -> Result<Found<'_>, FindError> {
        let path = normalized(wanted.as_bytes()).ok_or(FindError::LeadsOut)?;
        let resolver = Resolver {
            table: self,
            at: Vec::new(),
            pending: path,
            links: 0,
            lookups: 0,
        };
        match resolver.run()? {
            Some(Node::File(data)) => Ok(Found::File(data.clone())),
            Some(Node::Sparse(sparse)) => Ok(Found::Sparse(sparse)),
            Some(Node::NoFile) => Err(FindError::NotRegular),
            // A link is never the end of a path, except a hard link to nothing.
            Some(Node::SymbolicLink(_) | Node::HardLink(_)) | None => Err(FindError::Absent),
        }
    }
}

/// The way to a name.
struct Resolver<'a> {
    table: &'a Table,
    /// The folder reached: its name has no links in it.
    at: Vec<u8>,
    /// The components still to be walked from there.
    pending: Vec<u8>,
    links: u32,
    lookups: u32,
}

impl<'a> Resolver<'a> {
    fn run(mut self) -> Result<Option<&'a Node>, FindError> {
        loop {
            if let Some(node) = self.exact() {
                return Ok(Some(node));
            }
            let Some((target, from_root)) = self.walk()? else {
                return Ok(self.table.node(&self.at));
            };
            self.follow(target, from_root)?;
        }
    }

    /// The file whose entry has exactly the rest of the name.
    fn exact(&self) -> Option<&'a Node> {
        let node = self.table.node(&joined(&self.at, &self.pending));
        node.filter(|node| matches!(node, Node::File(_) | Node::Sparse(_)))
    }

    /// Walks to the next link; returns its target, and whether that is relative to the
    /// archive rather than to the link.
    fn walk(&mut self) -> Result<Option<(&'a [u8], bool)>, FindError> {
        let mut start = 0;
        while start <= self.pending.len() {
            let rest = &self.pending[start..];
            let len = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
            let is_last = len == rest.len();
            let folder = self.at.len();
            let grew = push(&mut self.at, &rest[..len]).ok_or(FindError::LeadsOut)?;
            start += len + usize::from(!is_last);
            if grew {
                self.lookups += 1;
                if self.links > 0 && self.lookups > MAX_LOOKUPS {
                    return Err(FindError::EndlessLinks);
                }
                let link = match self.table.node(&self.at) {
                    Some(Node::SymbolicLink(target)) => {
                        self.at.truncate(folder);
                        Some((&**target, false))
                    }
                    Some(Node::HardLink(target)) => Some((&**target, true)),
                    Some(Node::File(_) | Node::Sparse(_)) if !is_last => {
                        return Err(FindError::FileAsFolder);
                    }
                    // Folders need no entry.
                    _ => None,
                };
                if link.is_some() {
                    self.pending.drain(..start - usize::from(!is_last));
                    return Ok(link);
                }
            }
            if is_last {
                break;
            }
        }
        Ok(None)
    }

    /// Continues at the target of a link, before the pending components.
    fn follow(&mut self, target: &[u8], from_root: bool) -> Result<(), FindError> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(FindError::EndlessLinks);
        }
        if from_root {
            self.at.clear();
        } else if target.starts_with(b"/") {
            return Err(FindError::LeadsOut);
        }
        self.pending.splice(..0, target.iter().copied());
        if self.at.len() + self.pending.len() > MAX_NAME {
            return Err(FindError::LeadsOut);
        }
        Ok(())
    }
}
