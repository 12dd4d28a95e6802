//! The image configuration.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md>

use crate::descriptor::{Annotations, Descriptor};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::media_type;
use crate::platform::Platform;
use crate::text::{Text, TextRef};
use crate::text_list::{TextList, TextListBuilder};
use std::sync::Arc;

#[derive(Debug, Default)]
pub struct Config {
    pub created: Option<Text>,
    pub author: Option<Text>,
    /// `None` where os or architecture is missing, as in images that carry signatures.
    pub platform: Option<Arc<Platform>>,
    pub user: Option<Text>,
    pub working_dir: Option<Text>,
    pub stop_signal: Option<Text>,
    pub env: TextList,
    pub entrypoint: TextList,
    pub cmd: TextList,
    pub exposed_ports: TextList,
    pub volumes: TextList,
    pub labels: Annotations,
    pub diff_ids: DigestList,
    pub history: History,
}

impl Config {
    /// Whether each layer of a manifest has a diff ID. The config has one for each layer, or
    /// for each of a known layer type, or none at all; anything else is MALFORMED.
    pub fn layers_with_diff_id(
        &self,
        counts: LayerCounts,
        layers: impl Iterator<Item = Arc<Descriptor>>,
    ) -> Result<Vec<bool>> {
        let count = self.diff_ids.len();
        counts.expect_fit(count)?;
        Ok(match count {
            0 => vec![false; counts.all],
            _ if count == counts.all => vec![true; count],
            _ => layers
                .map(|d| media_type::is_layer(&d.media_type))
                .collect(),
        })
    }
}

/// How many layers a manifest has, by which a config's diff IDs are assigned to them.
#[derive(Clone, Copy, Debug)]
pub struct LayerCounts {
    pub all: usize,
    pub of_layer_type: usize,
}

impl LayerCounts {
    /// MALFORMED unless a config with this many diff IDs has none at all, or one for each
    /// layer or each of a known layer type.
    pub fn expect_fit(self, diff_ids: usize) -> Result<()> {
        let Self { all, of_layer_type } = self;
        if [0, all, of_layer_type].contains(&diff_ids) {
            return Ok(());
        }
        let error = Error::malformed(format_args!(
            "found {all} of them, {of_layer_type} of a layer type, and {diff_ids} diff IDs in the \
             config, expected as many diff IDs as one of these"
        ));
        Err(error.context("layers"))
    }
}

/// Digests, each of which was parsed once, in few allocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DigestList(TextList);

impl DigestList {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, i: usize) -> Option<Digest> {
        Some(Digest::parse(&self.0.get(i)?).expect("parsed before"))
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Digest> {
        (0..self.len()).map(|i| self.get(i).expect("below the length"))
    }
}

impl FromIterator<Digest> for DigestList {
    fn from_iter<I: IntoIterator<Item = Digest>>(digests: I) -> Self {
        let mut list = DigestListBuilder::default();
        digests.into_iter().for_each(|digest| list.push(&digest));
        list.finish()
    }
}

/// Builds a [`DigestList`].
#[derive(Default)]
pub struct DigestListBuilder(TextListBuilder);

impl DigestListBuilder {
    pub fn push(&mut self, digest: &Digest) {
        self.0.push_text(digest.text().borrowed());
    }

    pub fn finish(self) -> DigestList {
        DigestList(self.0.finish())
    }
}

/// One step of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryStep<'a> {
    pub created: Option<TextRef<'a>>,
    pub created_by: Option<TextRef<'a>>,
    pub author: Option<TextRef<'a>>,
    pub comment: Option<TextRef<'a>>,
    pub empty_layer: bool,
}

/// The steps of a history: four bytes for a step, and its texts.
#[derive(Debug, Default)]
pub struct History {
    /// For each step that is not empty a character whose bits say which texts follow, then
    /// those texts, each followed by a NUL.
    steps: Box<str>,
    /// The end of each step in `steps`.
    ends: Box<[u32]>,
    /// For each [`STRIDE`]th step the number of layers made before it; last, the number of all.
    layers_before: Box<[u32]>,
}

/// A program that asks each of a million steps for its layer must not count a million each time.
const STRIDE: usize = 64;

const EMPTY_LAYER: u8 = 1 << 4;

impl History {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn get(&self, i: usize) -> Option<HistoryStep<'_>> {
        let end = *self.ends.get(i)? as usize;
        let start = i.checked_sub(1).map_or(0, |i| self.ends[i] as usize);
        let step = &self.steps[start..end];
        let Some(flags) = step.bytes().next() else {
            return Some(HistoryStep::default());
        };
        let mut texts = step[1..].split_inclusive('\0');
        let mut text = |i: usize| match flags & 1 << i {
            0 => None,
            _ => texts.next().map(TextRef::of_terminated),
        };
        Some(HistoryStep {
            created: text(0),
            created_by: text(1),
            author: text(2),
            comment: text(3),
            empty_layer: flags & EMPTY_LAYER != 0,
        })
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = HistoryStep<'_>> {
        (0..self.len()).map(|i| self.get(i).expect("below the length"))
    }

    /// The layer of `layers` that step `i` made; `None` if it made none, or if the steps that
    /// make layers are more or fewer.
    pub fn layer(&self, i: usize, layers: usize) -> Option<usize> {
        let made = |i: &usize| self.get(*i).is_some_and(|step| !step.empty_layer);
        if !made(&i) || self.layers_before.last().map(|all| *all as usize) != Some(layers) {
            return None;
        }
        let before = self.layers_before[i / STRIDE] as usize;
        Some(before + (i / STRIDE * STRIDE..i).filter(made).count())
    }
}

/// Builds a [`History`].
#[derive(Default)]
pub struct HistoryBuilder {
    steps: String,
    ends: Vec<u32>,
    layers_before: Vec<u32>,
    layers: u32,
}

impl HistoryBuilder {
    /// Appends a step: created, created_by, author and comment, and whether it made no layer.
    pub fn push(&mut self, texts: [Option<&Text>; 4], empty_layer: bool) {
        if self.ends.len().is_multiple_of(STRIDE) {
            self.layers_before.push(self.layers);
        }
        self.layers += u32::from(!empty_layer);
        let mut flags = if empty_layer { EMPTY_LAYER } else { 0 };
        for (i, text) in texts.iter().enumerate() {
            flags |= u8::from(text.is_some()) << i;
        }
        if flags != 0 {
            self.steps.push(char::from(flags));
            for text in texts.into_iter().flatten() {
                self.steps.push_str(text.with_nul());
            }
        }
        // A document is shorter than 4 GiB, and so is its history.
        let end = u32::try_from(self.steps.len()).expect("a history is below 4 GiB");
        self.ends.push(end);
    }

    pub fn finish(mut self) -> History {
        self.layers_before.push(self.layers);
        History {
            steps: self.steps.into(),
            ends: self.ends.into(),
            layers_before: self.layers_before.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_history_gives_back_its_steps(
            steps: Vec<([Option<String>; 4], bool)>,
        ) {
            let text = |t: &Option<String>| {
                t.as_ref().map(|t| Text::new(&t.replace('\0', "x")).unwrap())
            };
            let steps: Vec<_> = steps.iter().map(|(t, empty)| (t.each_ref().map(text), *empty)).collect();
            let mut builder = HistoryBuilder::default();
            for (texts, empty) in &steps {
                builder.push(texts.each_ref().map(Option::as_ref), *empty);
            }
            let history = builder.finish();
            prop_assert_eq!(history.len(), steps.len());
            prop_assert!(history.get(steps.len()).is_none());
            for (step, (texts, empty)) in history.iter().zip(&steps) {
                let found = [step.created, step.created_by, step.author, step.comment];
                prop_assert_eq!(found, texts.each_ref().map(|t| t.as_ref().map(Text::borrowed)));
                prop_assert_eq!(step.empty_layer, *empty);
            }
        }
    }

    proptest! {
        #[test]
        fn a_step_has_its_layer_where_the_history_fits(
            empty in prop::collection::vec(any::<bool>(), 0..200),
        ) {
            let mut builder = HistoryBuilder::default();
            empty.iter().for_each(|empty| builder.push([None; 4], *empty));
            let history = builder.finish();
            let mut next = 0;
            let expected: Vec<_> = empty
                .iter()
                .map(|empty| {
                    next += usize::from(!empty);
                    (!empty).then(|| next - 1)
                })
                .collect();
            for count in [next, next + 1] {
                let found: Vec<_> = (0..empty.len()).map(|i| history.layer(i, count)).collect();
                let fits = count == next;
                prop_assert_eq!(found, expected.iter().map(|layer| layer.filter(|_| fits)).collect::<Vec<_>>());
            }
            prop_assert_eq!(history.layer(empty.len(), next), None);
        }
    }

    /// Finding the layer of a step does not count all steps.
    #[test]
    fn many_steps_have_their_layers() {
        let mut builder = HistoryBuilder::default();
        (0..100_000).for_each(|_| builder.push([None; 4], false));
        let history = builder.finish();
        assert!((0..100_000).all(|i| history.layer(i, 100_000) == Some(i)));
        assert!((0..100_000).all(|i| history.layer(i, 3).is_none()));
    }
}
