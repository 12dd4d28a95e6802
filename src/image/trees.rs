//! The documents of an image: as they are, and while they are edited.

use super::members::{array_in, find};
use crate::config::Config;
use crate::digest::{Algorithm, Digest};
use crate::document::{Document, Manifest};
use crate::json::edit::Tree;
use crate::json::scan;
use crate::load::Verified;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

/// A manifest and the config that it names.
#[derive(Clone)]
pub struct Documents {
    pub manifest: Arc<Verified<Manifest>>,
    pub config: Arc<Verified<Config>>,
}

/// Both documents while they are edited. They are rendered on request.
#[derive(Clone)]
pub struct Trees {
    pub manifest: Tree,
    pub config: Tree,
    /// Whether the manifest still has the descriptor of another config.
    pub config_changed: bool,
    /// For each step of the config's history, whether it made no layer.
    empty_steps: Vec<bool>,
    /// Steps that made a layer.
    layer_steps: usize,
    manifest_algorithm: Algorithm,
    config_algorithm: Algorithm,
}

impl Trees {
    pub fn new(documents: &Documents) -> Self {
        let Documents { manifest, config } = documents;
        // A verified document has a digest that was computed, so its algorithm is known.
        let algorithm = |digest: &Digest| digest.algorithm().unwrap_or(Algorithm::Sha256);
        let mut config_tree = tree(&config.bytes);
        let empty_steps = empty_steps(&mut config_tree);
        Self {
            manifest: tree(&manifest.bytes),
            layer_steps: count_layer_steps(&empty_steps),
            empty_steps,
            config: config_tree,
            config_changed: false,
            manifest_algorithm: algorithm(&manifest.digest),
            config_algorithm: algorithm(&config.digest),
        }
    }

    /// Replaces the whole config by a document that was checked.
    pub fn replace_config(&mut self, document: &str) {
        self.config = Tree::new(document);
        self.empty_steps = empty_steps(&mut self.config);
        self.layer_steps = count_layer_steps(&self.empty_steps);
    }

    /// Steps of the history that made a layer.
    pub fn layer_steps(&self) -> usize {
        self.layer_steps
    }

    /// The place of the step that made a layer, where the history fits `layers` layers.
    pub fn step_of_layer(&self, layer: usize, layers: usize) -> Option<usize> {
        if self.layer_steps != layers {
            return None;
        }
        let steps = self.empty_steps.iter().enumerate();
        let mut made = steps.filter(|(_, empty)| !**empty).map(|(i, _)| i);
        made.nth(layer)
    }

    /// Notes that a step was added to the history.
    pub fn step_added(&mut self, is_empty: bool) {
        self.empty_steps.push(is_empty);
        self.layer_steps += usize::from(!is_empty);
    }

    /// Notes that a step was removed from the history.
    pub fn step_removed(&mut self, i: usize) {
        let is_empty = self.empty_steps.remove(i);
        self.layer_steps -= usize::from(!is_empty);
    }

    /// Both documents as they are now, each with its digest by the algorithm that it had.
    pub fn render(&self) -> Documents {
        let config = self.config.render();
        let digest = Digest::of(self.config_algorithm, config.as_bytes());
        let manifest = match self.config_changed {
            true => self.manifest_naming(&digest, config.as_bytes()),
            false => self.manifest.render(),
        };
        let manifest_digest = Digest::of(self.manifest_algorithm, manifest.as_bytes());
        let Ok(Document::Manifest(content)) = Document::parse(manifest.as_bytes(), 0) else {
            panic!("an edit made an invalid manifest");
        };
        Documents {
            config: Arc::new(Verified {
                content: Config::parse(config.as_bytes()).expect("edits keep a config valid"),
                bytes: config.into_bytes().into(),
                digest,
            }),
            manifest: Arc::new(Verified {
                content,
                bytes: manifest.into_bytes().into(),
                digest: manifest_digest,
            }),
        }
    }

    /// The manifest with the descriptor of this config.
    fn manifest_naming(&self, digest: &Digest, config: &[u8]) -> String {
        let mut manifest = self.manifest.clone();
        let descriptor = manifest.object().and_then(|m| m.get("config"));
        if let Some(mut descriptor) = descriptor.and_then(|d| d.object()) {
            descriptor.set("digest", &scan::quoted(digest.text()));
            descriptor.set("size", &config.len().to_string());
            let data = descriptor.reborrow().get("data");
            if data.is_some_and(|data| !data.is_null()) {
                descriptor.set("data", &scan::quoted(&STANDARD.encode(config)));
            }
        }
        manifest.render()
    }
}

fn tree(document: &[u8]) -> Tree {
    Tree::new(std::str::from_utf8(document).expect("a document is UTF-8"))
}

fn empty_steps(config: &mut Tree) -> Vec<bool> {
    let Some(mut history) = config.object().and_then(|c| array_in(c, "history")) else {
        return Vec::new();
    };
    let count = history.len();
    let is_empty = |i| {
        let step = history.at(i).object();
        let empty = step.and_then(|step| find(step, "empty_layer").ok());
        empty.is_some_and(|empty| empty.raw() == "true")
    };
    (0..count).map(is_empty).collect()
}

fn count_layer_steps(empty_steps: &[bool]) -> usize {
    empty_steps.iter().filter(|empty| !**empty).count()
}
