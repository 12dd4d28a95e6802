//! Steps of a config's history.

use super::config::{check_text, root};
use super::timestamp;
use crate::error::{Error, Result};
use crate::image::members::array_made_in;
use crate::image::{Changed, Image, Trees};
use crate::json::scan::quoted;

/// Whether a layer that is appended gets a step of history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// If there was one step for each layer before.
    #[default]
    ByRule,
    Always,
    Never,
}

/// The fields of a step of history; "" counts as absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Step<'a> {
    /// A time of RFC 3339.
    pub created: Option<&'a str>,
    pub created_by: Option<&'a str>,
    pub author: Option<&'a str>,
    pub comment: Option<&'a str>,
}

impl Step<'_> {
    fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let texts = [
            ("created", self.created),
            ("created_by", self.created_by),
            ("author", self.author),
            ("comment", self.comment),
        ];
        texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)))
            .filter(|(_, text)| !text.is_empty())
    }

    pub fn check(&self) -> Result<()> {
        for (name, text) in self.texts() {
            check_text(name, text)?;
            if name == "created" {
                timestamp::check(name, text)?;
            }
        }
        Ok(())
    }

    fn json(&self, is_empty: bool) -> String {
        let mut members: Vec<_> = self
            .texts()
            .map(|(name, text)| format!("\"{name}\":{}", quoted(text)))
            .collect();
        if is_empty {
            members.push("\"empty_layer\":true".into());
        }
        format!("{{{}}}", members.join(","))
    }
}

/// Adds a step that was checked.
pub fn push_step(trees: &mut Trees, step: &Step<'_>, is_empty: bool) -> Result<()> {
    let mut history = array_made_in(root(&mut trees.config)?, "history")
        .ok_or_else(|| Error::internal("the history is no array"))?;
    history.push(&step.json(is_empty));
    trees.step_added(is_empty);
    Ok(())
}

impl Image {
    /// Adds a step that made no layer.
    pub fn add_history(&mut self, step: &Step<'_>) -> Result<()> {
        step.check()?;
        self.edit(|draft| {
            push_step(draft.trees, step, true)?;
            Ok(Changed::Config)
        })
    }
}
