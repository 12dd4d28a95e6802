//! The entries of an archive, in the order in which they are written.

use super::docker::{DockerManifest, MANIFEST, docker_name, entry_name};
use super::output::Output;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::layout::{INDEX, MARKER, MARKER_CONTENT, blob_path, index_of};
use crate::error::Result;
use crate::sink::entry::{EntryName, entry};
use crate::sink::layout_format::is_document;
use crate::sink::listing::Listing;
use crate::sink::roots::Root;
use crate::tar::writer::{END, file_header, folder_header, padding};
use std::collections::HashSet;

/// An archive that is being written.
pub struct Body {
    pub output: Output,
    is_started: bool,
    /// Paths of the algorithm folders written so far.
    folders: HashSet<String>,
    /// Content of the archive that manifest.json depends on.
    blobs: HashSet<Digest>,
    listing: Listing,
    /// The entry of index.json in each slot of the listing.
    entries: Vec<String>,
    docker: Option<DockerManifest>,
}

impl Body {
    pub fn new(output: Output, docker: bool) -> Self {
        Self {
            output,
            is_started: false,
            folders: HashSet::new(),
            blobs: HashSet::new(),
            listing: Listing::default(),
            entries: Vec::new(),
            docker: docker.then(DockerManifest::default),
        }
    }

    /// Writes the header of a blob, and of its folders if it is the first in them.
    pub fn begin_blob(&mut self, d: &Descriptor, ctx: &Context) -> Result<()> {
        self.start(ctx)?;
        let (algorithm, _) = d.digest.parts();
        let folder = format!("blobs/{algorithm}/");
        if self.folders.insert(folder.clone()) {
            self.output.write(&folder_header(&folder), ctx)?;
        }
        self.output
            .write(&file_header(&blob_path(&d.digest), d.size), ctx)
    }

    pub fn end_blob(&mut self, d: &Descriptor, ctx: &Context) -> Result<()> {
        if self.docker.is_some() {
            self.blobs.insert(d.digest.clone());
        }
        self.output.write(padding(d.size), ctx)
    }

    pub fn write_blob(&mut self, d: &Descriptor, bytes: &[u8], ctx: &Context) -> Result<()> {
        self.begin_blob(d, ctx)?;
        self.output.write(bytes, ctx)?;
        self.end_blob(d, ctx)
    }

    /// Whether the content of a blob is kept when it is complete.
    pub fn wants_content(&self, d: &Descriptor) -> bool {
        self.docker.is_some() && is_document(d)
    }

    pub fn note_config(&mut self, d: &Descriptor, bytes: &[u8]) {
        if let Some(docker) = &mut self.docker {
            docker.note_config(d, bytes);
        }
    }

    /// Notes a manifest or index.
    pub fn note(&mut self, d: &Descriptor, bytes: &[u8]) {
        if let Some(docker) = &mut self.docker {
            docker.note(d, bytes, &self.blobs);
        }
    }

    /// Lists a root in index.json.
    pub fn list(&mut self, root: &Root) -> Result<()> {
        let d = &root.descriptor;
        let name = root.name.as_ref().filter(|name| !name.is_empty());
        let entry_name = match &mut self.docker {
            None => EntryName::plain(name),
            Some(docker) => {
                let name = name.map(|name| docker_name(name)).transpose()?;
                docker.add(&d.digest, name.as_ref(), root.keeps_name);
                entry_name(name.as_ref())
            }
        };
        // Two entries are the same by the full name if there is one: many images have the same
        // tag.
        let full = entry_name.containerd_name.as_ref();
        let name = full.or(entry_name.ref_name.as_ref());
        if let Some(slot) = self.listing.add(d.digest.text(), name, root.keeps_name) {
            let json = entry(d, &entry_name);
            match self.entries.get_mut(slot) {
                Some(replaced) => *replaced = json,
                None => self.entries.push(json),
            }
        }
        Ok(())
    }

    pub fn finish(&mut self, ctx: &Context) -> Result<()> {
        self.start(ctx)?;
        let entries = self.entries.iter().enumerate();
        let listed = entries.filter(|(slot, _)| self.listing.is_filled(*slot));
        let index = index_of(listed.map(|(_, entry)| entry));
        self.write_document(INDEX, index.as_bytes(), ctx)?;
        if let Some(docker) = &self.docker {
            let manifest = docker.json();
            self.write_document(MANIFEST, manifest.as_bytes(), ctx)?;
        }
        self.output.write(&END, ctx)?;
        self.output.finish(ctx)
    }

    /// Writes the start of an archive, once.
    fn start(&mut self, ctx: &Context) -> Result<()> {
        match std::mem::replace(&mut self.is_started, true) {
            true => Ok(()),
            false => {
                self.write_document(MARKER, MARKER_CONTENT.as_bytes(), ctx)?;
                self.output.write(&folder_header("blobs/"), ctx)
            }
        }
    }

    fn write_document(&mut self, path: &str, bytes: &[u8], ctx: &Context) -> Result<()> {
        let size = bytes.len() as u64;
        self.output.write(&file_header(path, size), ctx)?;
        self.output.write(bytes, ctx)?;
        self.output.write(padding(size), ctx)
    }
}
