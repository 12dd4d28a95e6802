//! Edits of a config's members.

use super::timestamp;
use super::values::{set_entry, set_key, set_list, set_text, set_variable};
use crate::config::Config;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::image::members::{object_in, object_made_in};
use crate::image::{Changed, Draft, Format, Image};
use crate::json::edit::{ObjectMut, Tree};
use crate::json::scan::{self, quoted};
use crate::platform::Platform;
use crate::text::{Escaped, TextRef};
use std::sync::Arc;

impl Image {
    /// A time of RFC 3339.
    pub fn set_created(&mut self, value: Option<&str>) -> Result<()> {
        let value = present(value);
        if let Some(value) = value {
            timestamp::check("created", value)?;
        }
        self.set_config_text("created", value)
    }

    pub fn set_author(&mut self, value: Option<&str>) -> Result<()> {
        self.set_config_text("author", present(value))
    }

    fn set_config_text(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        check_text(name, value.unwrap_or_default())?;
        self.edit(|draft| {
            let changed = set_text(root(&mut draft.trees.config)?, name, value);
            Ok(Changed::config_if(changed))
        })
    }

    pub fn set_user(&mut self, value: Option<&str>) -> Result<()> {
        self.set_execution_text("User", value)
    }

    pub fn set_working_dir(&mut self, value: Option<&str>) -> Result<()> {
        self.set_execution_text("WorkingDir", value)
    }

    pub fn set_stop_signal(&mut self, value: Option<&str>) -> Result<()> {
        self.set_execution_text("StopSignal", value)
    }

    fn set_execution_text(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        let value = present(value);
        check_text(name, value.unwrap_or_default())?;
        self.edit_execution(value.is_some(), |config| set_text(config, name, value))
    }

    /// Leaves the arguments in `Cmd` alone.
    pub fn set_entrypoint(&mut self, words: Option<&[&str]>) -> Result<()> {
        self.set_words("Entrypoint", words)
    }

    /// Leaves `Entrypoint` alone.
    pub fn set_cmd(&mut self, words: Option<&[&str]>) -> Result<()> {
        self.set_words("Cmd", words)
    }

    fn set_words(&mut self, name: &str, words: Option<&[&str]>) -> Result<()> {
        for word in words.unwrap_or_default() {
            check_text(name, word)?;
        }
        self.edit_execution(words.is_some(), |config| set_list(config, name, words))
    }

    /// A variable that the list names twice gets one value, in the first place.
    pub fn set_env(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        check_key("name", name)?;
        if name.contains('=') {
            return Err(Error::invalid_argument(format_args!(
                "name: found \"{}\", expected the name of a variable without \"=\"",
                Escaped(name)
            )));
        }
        check_text("value", value.unwrap_or_default())?;
        self.edit_execution(value.is_some(), |config| {
            set_variable(config, "Env", name, value)
        })
    }

    pub fn set_label(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        check_key("key", key)?;
        check_text("value", value.unwrap_or_default())?;
        self.edit_execution(value.is_some(), |config| {
            set_entry(config, "Labels", key, value)
        })
    }

    pub fn set_exposed_port(&mut self, port: &str, present: bool) -> Result<()> {
        check_key("port", port)?;
        self.edit_execution(present, |config| {
            set_key(config, "ExposedPorts", port, present)
        })
    }

    pub fn set_volume(&mut self, path: &str, present: bool) -> Result<()> {
        check_key("path", path)?;
        self.edit_execution(present, |config| set_key(config, "Volumes", path, present))
    }

    /// An annotation of the manifest. UNSUPPORTED on a Docker image, which has none.
    pub fn set_annotation(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        check_key("key", key)?;
        check_text("value", value.unwrap_or_default())?;
        self.edit(|draft| {
            if *draft.format == Format::Docker {
                return Err(Error::unsupported(
                    "found a Docker manifest, which has no annotations, expected an OCI manifest",
                ));
            }
            let changed = set_entry(root(&mut draft.trees.manifest)?, "annotations", key, value);
            Ok(Changed::manifest_if(changed))
        })
    }

    /// Sets os, architecture, variant, os.version and os.features, and removes those of
    /// them that are absent. Os and architecture are required.
    pub fn set_platform(&mut self, platform: &Platform) -> Result<()> {
        check_platform(platform)?;
        self.edit(|draft| {
            let texts = [
                ("architecture", &platform.architecture),
                ("os", &platform.os),
                ("os.version", &platform.os_version),
                ("variant", &platform.variant),
            ];
            let mut changed = false;
            for (name, text) in texts {
                let config = root(&mut draft.trees.config)?;
                changed |= set_text(config, name, text.as_deref());
            }
            let features: Vec<_> = platform.os_features.iter().map(TextRef::as_str).collect();
            let features = (!features.is_empty()).then_some(&*features);
            changed |= set_list(root(&mut draft.trees.config)?, "os.features", features);
            *draft.platform = Some(Arc::new(platform.clone()));
            Ok(Changed::config_if(changed))
        })
    }

    /// Sets one member of the config's `config` object to a JSON value.
    pub fn set_config_member(&mut self, name: &str, json: Option<&[u8]>) -> Result<()> {
        check_key("name", name)?;
        let Some(json) = json else {
            return self.edit_execution(false, |config| match find_member(config, name) {
                Ok((mut config, i)) => {
                    config.remove_at(i);
                    true
                }
                Err(_) => false,
            });
        };
        let json = member_json(name, json)?;
        self.edit_execution(true, |config| match find_member(config, name) {
            Ok((config, i)) => config.at(i).replace(json),
            Err(mut config) => {
                config.push(name, json);
                true
            }
        })
    }

    /// Replaces the whole config with a document, whose diff IDs must be those of the
    /// layers. The image then has the document's platform.
    pub fn set_config_json(&mut self, json: &[u8]) -> Result<()> {
        let config = Config::parse(json).map_err(|e| e.context("config"))?;
        let text = std::str::from_utf8(json).expect("a document that was read is UTF-8");
        self.edit(|draft| {
            let diff_ids: Vec<_> = config.diff_ids.iter().collect();
            check_diff_ids(&draft, &diff_ids)?;
            let is_new = draft.trees.config.render() != text;
            if is_new {
                check_keys_for_nul(text).map_err(|e| e.context("config"))?;
                draft.trees.replace_config(text);
            }
            *draft.platform = config.platform;
            Ok(Changed::config_if(is_new))
        })
    }

    /// Runs an edit of the config's `config` object, which is made if `is_made`.
    fn edit_execution(
        &mut self,
        is_made: bool,
        edit: impl FnOnce(ObjectMut<'_>) -> bool,
    ) -> Result<()> {
        self.edit(|draft| {
            let config = root(&mut draft.trees.config)?;
            let execution = match is_made {
                true => object_made_in(config, "config"),
                false => object_in(config, "config"),
            };
            Ok(Changed::config_if(execution.is_some_and(edit)))
        })
    }
}

/// The members of a document.
pub fn root(tree: &mut Tree) -> Result<ObjectMut<'_>> {
    tree.object()
        .ok_or_else(|| Error::internal("a document is no object"))
}

/// An optional scalar: "" counts as absent.
fn present(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

pub fn check_text(name: &str, text: &str) -> Result<()> {
    match text.contains('\0') {
        true => Err(Error::invalid_argument(format_args!(
            "{name}: found U+0000 in \"{}\", expected text without it",
            Escaped(text)
        ))),
        false => Ok(()),
    }
}

pub fn check_key(name: &str, key: &str) -> Result<()> {
    if key.is_empty() {
        return Err(Error::invalid_argument(format_args!(
            "{name}: found \"\", expected text"
        )));
    }
    check_text(name, key)
}

/// INVALID_ARGUMENT unless there are an os and an architecture.
pub fn check_platform(platform: &Platform) -> Result<()> {
    let missing = match (&platform.os, &platform.architecture) {
        (Some(_), Some(_)) => return Ok(()),
        (None, _) => "os",
        (Some(_), None) => "architecture",
    };
    Err(Error::invalid_argument(format_args!(
        "platform: found no {missing}, expected os and architecture"
    )))
}

/// The place of a member of `config`, or else the object back. Only a name that the
/// specification defines is found under another spelling.
fn find_member<'t>(
    mut config: ObjectMut<'t>,
    name: &str,
) -> Result<(ObjectMut<'t>, usize), ObjectMut<'t>> {
    let exact = config.find(name);
    let found = exact.or_else(|| {
        let defined = Config::execution_member(name)?;
        config.find_by(|key| Config::execution_member(key) == Some(defined))
    });
    match found {
        Some(i) => Ok((config, i)),
        None => Err(config),
    }
}

/// Checks a value for a member of `config` by the rules of loading.
fn member_json<'j>(name: &str, json: &'j [u8]) -> Result<&'j str> {
    let malformed = |e: Error| e.context(format_args!("config.{}", Escaped(name)));
    crate::json::parse(json).map_err(|fault| malformed(fault.into()))?;
    let json = std::str::from_utf8(json).expect("a value that was read is UTF-8");
    let json = &json[scan::value(json)];
    check_keys_for_nul(json).map_err(malformed)?;
    let document = format!("{{\"config\":{{{}:{json}}}}}", quoted(name));
    Config::parse(document.as_bytes())?;
    Ok(json)
}

/// MALFORMED if any key contains U+0000, read or not.
fn check_keys_for_nul(json: &str) -> Result<()> {
    let mut open = vec![scan::value(json)];
    while let Some(span) = open.pop() {
        match json.as_bytes()[span.start] {
            b'{' => {
                for member in scan::members(json, span.start) {
                    let key = scan::unquoted(&json[member.key]);
                    if key.contains('\0') {
                        return Err(Error::malformed(format_args!(
                            "found U+0000 in the key \"{}\", expected text without it",
                            Escaped(&key)
                        )));
                    }
                    open.push(member.value);
                }
            }
            b'[' => open.extend(scan::elements(json, span.start)),
            _ => {}
        }
    }
    Ok(())
}

/// INVALID_ARGUMENT unless a config has the diff IDs that the layers have.
fn check_diff_ids(draft: &Draft<'_>, found: &[Digest]) -> Result<()> {
    let expected: Vec<_> = draft
        .layers
        .list()
        .iter()
        .filter_map(|layer| layer.diff_id())
        .collect();
    if expected.len() != found.len() {
        return Err(Error::invalid_argument(format_args!(
            "rootfs.diff_ids: found {} diff IDs, expected the {} of the layers",
            found.len(),
            expected.len()
        )));
    }
    let differs = |(found, expected): (&Digest, &&Digest)| found != *expected;
    match found.iter().zip(&expected).position(differs) {
        Some(i) => Err(Error::invalid_argument(format_args!(
            "rootfs.diff_ids[{i}]: found {}, expected {}, as the layer has",
            found[i], expected[i]
        ))),
        None => Ok(()),
    }
}
