//! Loading: documents read and verified through a loader, and the walk over an index
//! and the indexes nested in it.

mod entry;
mod findings;
mod kind;
mod memo;
mod node;
mod options;
mod root;
mod store;
mod stream;
mod verified;
mod walk;

pub use entry::{Entry, EntryKind, Way};
pub use findings::{Findings, Known};
pub use kind::{is_image, is_unknown, marked_kind, other_kind, schema1};
pub use options::LoadOptions;
pub use root::place as root_place;
pub use store::Store;
pub use stream::open;
pub use verified::Verified;

use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::document::layout::{CONTAINERD_NAME, REF_NAME};
use crate::document::{Document, Root};
use crate::error::{Error, Result};
use crate::loader::Loader;
use crate::text::Text;
use std::collections::HashMap;
use std::sync::Arc;
use walk::Walk;

/// The result of a load.
pub struct Loaded {
    pub root: Verified<()>,
    pub root_is_verified: bool,
    /// Whether the root is an index; else its one entry is the root itself.
    pub root_is_index: bool,
    pub entries: Vec<Entry>,
    /// The names of the root's descriptors, by their place.
    pub names: HashMap<u32, Text>,
    pub store: Store,
}

/// Loads the root, and walks over it and all indexes below it in document order.
pub fn load(loader: Arc<dyn Loader>, options: &LoadOptions, ctx: &Context) -> Result<Loaded> {
    load_knowing(loader, options, &Findings::new(), ctx)
}

/// Loads without reading manifests whose `known` findings suffice.
pub fn load_knowing(
    loader: Arc<dyn Loader>,
    options: &LoadOptions,
    known: &Findings,
    ctx: &Context,
) -> Result<Loaded> {
    let (root, root_is_verified) = root::read_root(&*loader, options, ctx)?;
    let place = root::place(&*loader);
    let concern = |e: Error| e.at(&place).with_digest(root.digest.text());
    let must_be_index = loader.root_is_index();
    let document = match must_be_index {
        true => Document::parse(&root.bytes, options.max_entries).map(Root::Document),
        false => Root::parse(&root.bytes, options.max_entries),
    };
    let document = document.map_err(concern)?;
    let size = root.bytes.len() as u64;
    let store = Store::new(loader, options, size);
    let walk = Walk::new(&store, options, known, options.max_total_size - size, ctx);
    let mut names = HashMap::new();
    let mut root_is_index = false;
    let described = |media_type| Descriptor::new(media_type, root.digest.clone(), size);
    let entries = match document {
        Root::Document(Document::Index(index)) => {
            root_is_index = true;
            for (i, child) in (0u32..).zip(&index.children) {
                let d = match child {
                    Ok(d) => Some(&**d),
                    Err(bad) => bad.descriptor.as_deref(),
                };
                if let Some(name) = name_of(&*store.loader, i as usize, d) {
                    names.insert(i, name);
                }
            }
            walk.tree(index)?
        }
        Root::Document(Document::Manifest(_)) if must_be_index => {
            return Err(concern(Error::malformed(
                "found a manifest, expected an index",
            )));
        }
        // A single manifest is an index of one entry; its bytes are not loaded again.
        Root::Document(Document::Manifest(manifest)) => {
            store.keep_root(&root);
            walk.single(described(manifest.own_media_type()), Some(manifest))?
        }
        Root::Unknown(media_type) => walk.single(described(media_type), None)?,
    };
    Ok(Loaded {
        root,
        root_is_verified,
        root_is_index,
        entries,
        names,
        store,
    })
}

/// The name of the root's descriptor at this place: the source's own, else that in the
/// annotation of containerd or of the image layout specification.
pub fn name_of(loader: &dyn Loader, i: usize, d: Option<&Descriptor>) -> Option<Text> {
    if let Some(name) = loader.entry_name(i) {
        return Some(name);
    }
    let names = [CONTAINERD_NAME, REF_NAME]
        .into_iter()
        .filter_map(|key| d?.annotation(key));
    let mut names = names.filter(|name| !name.is_empty());
    names.next().map(|name| name.to_text())
}
