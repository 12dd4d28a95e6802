//! The layers of an image that is edited.

use super::tally::Tally;
use crate::error::Result;
use crate::layer::{self, Layer};
use std::mem;
use std::sync::OnceLock;

/// Layers from the base up. A chain ID depends on every layer below: chain IDs are computed
/// on request, so that edits of a long list stay cheap.
#[derive(Clone)]
pub struct Layers {
    list: Vec<Layer>,
    /// Layers of the list that have their chain IDs.
    stacked: usize,
    /// The list with all chain IDs, where `list` lacks some.
    all_stacked: OnceLock<Vec<Layer>>,
    tally: Tally,
}

impl Layers {
    pub fn new(mut list: Vec<Layer>) -> Self {
        layer::stack(&mut list, None);
        Self {
            stacked: list.len(),
            tally: Tally::of(&list),
            all_stacked: OnceLock::new(),
            list,
        }
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The layers with their chain IDs.
    pub fn with_chain_ids(&self) -> &[Layer] {
        if self.stacked == self.list.len() {
            return &self.list;
        }
        self.all_stacked.get_or_init(|| {
            let mut list = self.list.clone();
            stack_from(&mut list, self.stacked);
            list
        })
    }

    /// The layers, some of them without their chain IDs.
    pub fn list(&self) -> &[Layer] {
        &self.list
    }

    /// UNSUPPORTED if a reader could not assign the diff IDs to the layers once this layer
    /// is added or, with `instead`, has replaced the layer at that place.
    pub fn check_with(&self, layer: &Layer, instead_of: Option<usize>) -> Result<()> {
        let mut tally = self.tally;
        if let Some(i) = instead_of {
            tally.remove(&self.list[i]);
        }
        tally.add(layer);
        tally.check()
    }

    pub fn push(&mut self, layer: Layer) {
        self.prepare(self.list.len());
        self.tally.add(&layer);
        self.list.push(layer);
        // Cheap if the chain IDs below are known.
        if self.stacked + 1 == self.list.len() {
            stack_from(&mut self.list, self.stacked);
            self.stacked += 1;
        }
    }

    pub fn replace(&mut self, i: usize, layer: Layer) -> Layer {
        self.prepare(i);
        self.tally.add(&layer);
        let old = mem::replace(&mut self.list[i], layer);
        self.tally.remove(&old);
        old
    }

    pub fn remove(&mut self, i: usize) -> Layer {
        self.prepare(i);
        let old = self.list.remove(i);
        self.tally.remove(&old);
        old
    }

    /// Prepares a change at a place: the layers above it lose their chain IDs.
    fn prepare(&mut self, i: usize) {
        if let Some(list) = self.all_stacked.take() {
            self.stacked = list.len();
            self.list = list;
        }
        self.stacked = self.stacked.min(i);
    }
}

fn stack_from(list: &mut [Layer], from: usize) {
    let (below, above) = list.split_at_mut(from);
    let below = below.iter().rev().find_map(Layer::chain_id).cloned();
    layer::stack(above, below.as_ref());
}
