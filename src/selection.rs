//! Selection: the entries of an index that a platform can run, and the one that it runs.

use crate::context::Context;
use crate::digest::Digest;
use crate::error::{Error, Result, Status};
use crate::image::Image;
use crate::index::Index;
use crate::load::{Entry, EntryKind};
use crate::platform::{Matcher, Platform};
use crate::text::Escaped;
use std::collections::{HashMap, HashSet};

/// Names or platforms that an error lists.
const MAX_NAMED: usize = 16;

impl Index {
    /// The images that the matcher accepts, best first; ties keep the order of the
    /// document. Those whose platform is in the root itself come before all others, since
    /// containerd and skopeo see only those.
    pub fn select(&self, matcher: &Matcher) -> Self {
        let is_image = |entry: &Entry| entry.kind == EntryKind::Image;
        let entries = self.entries();
        let chosen = self.ranked(matcher, is_image);
        self.selection(chosen.into_iter().map(|i| entries[i].clone()).collect())
    }

    /// The places of the entries that the matcher accepts, best first.
    fn ranked(&self, matcher: &Matcher, is_wanted: impl Fn(&Entry) -> bool) -> Vec<usize> {
        let mut known = HashMap::new();
        let mut is_reached = |entry: &Entry| {
            entry.way.is_open(|platform| {
                let matches = known.entry(&raw const *platform);
                *matches.or_insert_with(|| matcher.matches(platform))
            })
        };
        let mut ranked = Vec::new();
        for precedence in [2, 1, 0] {
            let candidates = self.entries().iter().enumerate();
            let candidates = candidates.filter_map(|(i, entry)| {
                let platform = entry.platform.as_deref()?;
                let is_candidate =
                    entry.way.precedence() == precedence && is_wanted(entry) && is_reached(entry);
                is_candidate.then_some((platform, i))
            });
            ranked.extend(matcher.select(candidates));
        }
        ranked
    }

    /// The image that a machine of this platform runs: the first by its default matcher
    /// that is really an image.
    ///
    /// Fails with the error of a BROKEN entry that would have been chosen, with NOT_FOUND,
    /// and, where a layout or archive offers several different images that fit equally
    /// well, with INVALID_ARGUMENT.
    pub fn image_for(&self, platform: &Platform, ctx: &Context) -> Result<Image> {
        ctx.check()?;
        if let [entry] = self.entries()
            && !self.root_is_index()
            && entry.platform.is_none()
        {
            return self.image(0, ctx);
        }
        let matcher = Matcher::default_for(platform);
        let is_wanted = |entry: &Entry| matches!(entry.kind, EntryKind::Image | EntryKind::Broken);
        let ranked = self.ranked(&matcher, is_wanted);
        let mut no_images = NoImages::new();
        for (at, &i) in ranked.iter().enumerate() {
            if let Some(image) = self.image_if_one(i, &mut no_images, ctx)? {
                self.expect_no_other(i, &ranked[at + 1..], &matcher, &mut no_images, ctx)?;
                return Ok(image);
            }
        }
        Err(self.no_image_for(platform, &no_images))
    }

    /// The image of entry `i`; `None` if it turns out to be none. A manifest that thousands
    /// of entries name is read once.
    fn image_if_one<'a>(
        &'a self,
        i: usize,
        no_images: &mut NoImages<'a>,
        ctx: &Context,
    ) -> Result<Option<Image>> {
        let manifest = manifest_of(&self.entries()[i]);
        if manifest.is_some_and(|manifest| no_images.contains(&manifest)) {
            return Ok(None);
        }
        match self.image(i, ctx) {
            Err(e) if e.status() == Status::NotAnImage => {
                no_images.extend(manifest);
                Ok(None)
            }
            image => image.map(Some),
        }
    }

    /// INVALID_ARGUMENT if a layout or archive offers an image that fits as well as that of
    /// entry `chosen`. (Within one root descriptor the first counts, as for registries.)
    fn expect_no_other<'a>(
        &'a self,
        chosen: usize,
        behind: &[usize],
        matcher: &Matcher,
        no_images: &mut NoImages<'a>,
        ctx: &Context,
    ) -> Result<()> {
        if !self.loader().root_is_index() {
            return Ok(());
        }
        let first = &self.entries()[chosen];
        let fits_equally = |i: &&usize| {
            let entry = &self.entries()[**i];
            let platforms = first.platform.as_ref().zip(entry.platform.as_ref());
            entry.way.begins_with_platform == first.way.begins_with_platform
                && platforms.is_some_and(|(a, b)| !matcher.less(a, b) && !matcher.less(b, a))
        };
        let digest = |entry: &Entry| entry.descriptor.as_ref().map(|d| d.digest.clone());
        // Without names, an index.json with platforms is an index like any other.
        let is_nameless = |entry: &Entry| self.name(entry).is_none();
        let is_index = is_nameless(first) && first.way.begins_with_platform;
        let is_other = |i: &&usize| {
            let entry = &self.entries()[**i];
            entry.kind == EntryKind::Image
                && !(is_index && is_nameless(entry))
                && entry.way.root_child != first.way.root_child
                && digest(entry) != digest(first)
        };
        let equal = behind.iter().filter(fits_equally).filter(is_other);
        let mut others: Vec<usize> = Vec::new();
        for &i in equal {
            ctx.check()?;
            if others.len() == MAX_NAMED {
                break;
            }
            match self.image_if_one(i, no_images, ctx) {
                Ok(None) => {}
                Err(e) if !e.status().is_of_content() => return Err(e),
                _ => others.push(i),
            }
        }
        if others.is_empty() {
            return Ok(());
        }
        let more = match others.len() < MAX_NAMED {
            true => "",
            false => " and others",
        };
        let named = std::iter::once(chosen).chain(others).take(MAX_NAMED);
        Err(Error::invalid_argument(format_args!(
            "found several images that fit equally well, expected one: choose by name from {}{more}",
            listed(named.map(|i| self.label(i)))
        )))
    }

    /// The name of an entry, else its digest.
    fn label(&self, i: usize) -> String {
        let entry = &self.entries()[i];
        match (self.name(entry), &entry.descriptor) {
            (Some(name), _) => Escaped(name).to_string(),
            (None, Some(d)) => d.digest.to_string(),
            (None, None) => format!("entry {i}"),
        }
    }

    /// NOT_FOUND, naming the available platforms.
    fn no_image_for(&self, platform: &Platform, no_images: &NoImages<'_>) -> Error {
        let is_no_image = |entry| manifest_of(entry).is_some_and(|m| no_images.contains(&m));
        let images = self.entries().iter();
        let images = images.filter(|e| e.kind == EntryKind::Image && !is_no_image(e));
        let mut platforms: Vec<String> = images
            .filter_map(|entry| entry.platform.as_ref())
            .map(|platform| Escaped(&platform.format_all()).to_string())
            .collect();
        platforms.sort_unstable();
        platforms.dedup();
        let found = match platforms.is_empty() {
            true => "none with a platform".to_owned(),
            false => listed(platforms),
        };
        let broken = self.entries().iter().find_map(|entry| entry.error.as_ref());
        let broken = broken.map_or(String::new(), |e| {
            format!("; one entry is broken: {}", e.message())
        });
        Error::not_found(format_args!(
            "no image for {}: found {found}{broken}",
            Escaped(&platform.format_all())
        ))
    }
}

/// The manifests that turned out to be no image's: their digest, size and media type, which
/// decide that.
type NoImages<'a> = HashSet<(&'a Digest, u64, &'a str)>;

fn manifest_of(entry: &Entry) -> Option<(&Digest, u64, &str)> {
    let d = entry.descriptor.as_deref()?;
    Some((&d.digest, d.size, &d.media_type))
}

/// The first few of some names.
fn listed(names: impl IntoIterator<Item = String>) -> String {
    let mut names: Vec<String> = names.into_iter().collect();
    let more = names.len().saturating_sub(MAX_NAMED);
    names.truncate(MAX_NAMED);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
