//! Counts of an image's layers, by which a config's diff IDs are assigned to them.

use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::media_type;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    layers: usize,
    with_diff_id: usize,
    /// Layers of a known type without a diff ID, and others with one.
    misfits: usize,
}

impl Tally {
    pub fn of(layers: &[Layer]) -> Self {
        let mut tally = Self::default();
        layers.iter().for_each(|layer| tally.add(layer));
        tally
    }

    pub fn add(&mut self, layer: &Layer) {
        let (with_diff_id, is_misfit) = judge(layer);
        self.layers += 1;
        self.with_diff_id += usize::from(with_diff_id);
        self.misfits += usize::from(is_misfit);
    }

    pub fn remove(&mut self, layer: &Layer) {
        let (with_diff_id, is_misfit) = judge(layer);
        self.layers -= 1;
        self.with_diff_id -= usize::from(with_diff_id);
        self.misfits -= usize::from(is_misfit);
    }

    /// UNSUPPORTED where a reader could not tell which layers the diff IDs belong to.
    pub fn check(self) -> Result<()> {
        let all_or_none = self.with_diff_id == 0 || self.with_diff_id == self.layers;
        if all_or_none || self.misfits == 0 {
            return Ok(());
        }
        Err(Error::unsupported(format_args!(
            "image has {} layers with and {} without a diff ID, expected one for each or none at \
             all",
            self.with_diff_id,
            self.layers - self.with_diff_id
        )))
    }
}

fn judge(layer: &Layer) -> (bool, bool) {
    let with_diff_id = layer.diff_id().is_some();
    (
        with_diff_id,
        with_diff_id != media_type::is_layer(layer.oci_media_type()),
    )
}
