//! The layers of an image as its documents have them.

use crate::config::{Config, DigestList, LayerCounts};
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::document::{DescriptorList, Manifest};
use crate::error::Result;
use crate::layer::{self, Layer};
use crate::loader::Loader;
use std::sync::{Arc, OnceLock};

/// Each layer is made when it is asked for: a list of all would take several times the memory of
/// a manifest with very many small ones.
#[derive(Clone)]
pub struct Loaded {
    descriptors: DescriptorList,
    diff_ids: DigestList,
    /// The place of each layer's diff ID, [`NONE`] without one.
    places: Arc<[u32]>,
    /// In the order of the diff IDs.
    chain_ids: OnceLock<DigestList>,
    loader: Arc<dyn Loader>,
}

const NONE: u32 = u32::MAX;

impl Loaded {
    /// MALFORMED where the config's diff IDs do not fit the layers.
    pub fn new(manifest: &Manifest, config: &Config, loader: &Arc<dyn Loader>) -> Result<Self> {
        let mut next = 0;
        let counts = LayerCounts {
            all: manifest.layers.len(),
            of_layer_type: manifest.layers.count_of_layer_type(),
        };
        let has_diff_id = config.layers_with_diff_id(counts, manifest.layers.iter())?;
        let places = has_diff_id.into_iter().map(|has| match has {
            false => NONE,
            true => {
                next += 1;
                next - 1
            }
        });
        Ok(Self {
            places: places.collect(),
            descriptors: manifest.layers.clone(),
            diff_ids: config.diff_ids.clone(),
            chain_ids: OnceLock::new(),
            loader: loader.clone(),
        })
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn diff_id(&self, i: usize) -> Option<Digest> {
        self.diff_ids.get(*self.places.get(i)? as usize)
    }

    pub fn get(&self, i: usize) -> Option<Layer> {
        Some(self.layer(i, self.descriptors.get(i)?))
    }

    /// All layers.
    pub fn list(&self) -> Vec<Layer> {
        let descriptors = self.descriptors.iter().enumerate();
        descriptors.map(|(i, d)| self.layer(i, d)).collect()
    }

    fn layer(&self, i: usize, descriptor: Arc<Descriptor>) -> Layer {
        let chain_ids = self
            .chain_ids
            .get_or_init(|| layer::chain_ids(self.diff_ids.iter()).collect());
        let layer = Layer::new(descriptor, self.diff_id(i), self.loader.clone());
        layer.with_chain_id(chain_ids.get(self.places[i] as usize))
    }
}
