//! The tags that manifest.json gives to images of index.json.

use super::ref_name::{RefName, docker_name};
use crate::digest::Digest;
use crate::reference::Reference;
use crate::text::Text;
use std::collections::HashMap;

/// Tags, found by the config of their image. An index.json may name one image thousands of
/// times, and an image may have thousands of tags: none is copied or compared for each.
#[derive(Default)]
pub struct Tags<'a> {
    /// In the order of manifest.json.
    all: Vec<&'a Text>,
    of_config: HashMap<Digest, Places<'a>>,
}

/// The places in `all` of the tags of one config: the first of each kind.
#[derive(Default)]
struct Places<'a> {
    first: Option<usize>,
    by_text: HashMap<&'a str, usize>,
    /// By what follows the last colon.
    by_version: HashMap<&'a str, usize>,
    by_docker_name: HashMap<Reference, usize>,
}

impl<'a> Tags<'a> {
    pub fn add(&mut self, config: &Digest, tags: &'a [Text]) {
        let places = self.of_config.entry(config.clone()).or_default();
        for tag in tags {
            let place = self.all.len();
            self.all.push(tag);
            places.first.get_or_insert(place);
            places.by_text.entry(tag).or_insert(place);
            if let Some((_, version)) = tag.rsplit_once(':') {
                places.by_version.entry(version).or_insert(place);
            }
            if let Some(name) = docker_name(tag) {
                places.by_docker_name.entry(name).or_insert(place);
            }
        }
    }

    /// The first tag of these configs.
    pub fn first(&self, configs: &[Digest]) -> Option<&'a Text> {
        self.find(configs, |places| places.first)
    }

    /// The first tag of these configs that is `text`.
    pub fn with_text(&self, configs: &[Digest], text: &str) -> Option<&'a Text> {
        self.find(configs, |places| places.by_text.get(text).copied())
    }

    /// The first tag of these configs that ends with a colon and `version`.
    pub fn with_version(&self, configs: &[Digest], version: &str) -> Option<&'a Text> {
        self.find(configs, |places| places.by_version.get(version).copied())
    }

    /// The first tag of these configs that is the same name to Docker.
    pub fn with_name(&self, configs: &[Digest], name: &RefName<'_>) -> Option<&'a Text> {
        let name = name.docker_name()?;
        self.find(configs, |places| places.by_docker_name.get(name).copied())
    }

    fn find(
        &self,
        configs: &[Digest],
        place: impl Fn(&Places<'a>) -> Option<usize>,
    ) -> Option<&'a Text> {
        let places = configs.iter().filter_map(|c| self.of_config.get(c));
        Some(self.all[places.filter_map(place).min()?])
    }
}
