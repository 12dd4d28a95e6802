//! Reads image configurations. Keys match in any case, as in Go: published Windows base
//! images have `rootfS`.

use super::descriptor::{PlatformFields, UNREAD, read_digest};
use crate::config::{Config, DigestList, DigestListBuilder, HistoryBuilder};
use crate::error::Result;
use crate::json::{self, Defined, Fault, Parser};
use crate::text::Escaped;
use crate::text_list::{TextList, TextListBuilder};
use std::sync::Arc;

const DEFINED: Defined = Defined::in_any_case(&[
    "created",
    "author",
    "architecture",
    "os",
    "os.version",
    "os.features",
    "variant",
    "config",
    "rootfs",
    "history",
]);
const EXECUTION: Defined = Defined::in_any_case(&[
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
    "Memory",
    "MemorySwap",
    "CpuShares",
    "Healthcheck",
]);
const ROOTFS: Defined = Defined::in_any_case(&["type", "diff_ids"]);
const HISTORY: Defined =
    Defined::in_any_case(&["created", "created_by", "author", "comment", "empty_layer"]);

impl Config {
    /// The key of the `config` object, as the specification spells it, that a reader takes
    /// this key for.
    pub fn execution_member(key: &str) -> Option<&'static str> {
        EXECUTION.name_of(key)
    }

    pub fn parse(document: &[u8]) -> Result<Self> {
        Ok(json::document(document, read)?)
    }
}

fn read(p: &mut Parser<'_>) -> Result<Config, Fault> {
    let mut config = Config::default();
    let mut platform = PlatformFields::default();
    let mut history = HistoryBuilder::default();
    p.object(DEFINED, |p, name| {
        match name {
            "created" => config.created = p.optional_text()?,
            "author" => config.author = p.optional_text()?,
            "config" => drop(p.optional(|p| read_execution(p, &mut config))?),
            "rootfs" => config.diff_ids = p.optional(read_rootfs)?.unwrap_or_default(),
            "history" => {
                p.optional(|p| p.list(|p| read_step(p, &mut history)))?;
            }
            field => platform.read(p, field)?,
        }
        Ok(())
    })?;
    if platform.is_complete() {
        config.platform = Some(Arc::new(platform.build()?));
    }
    config.history = history.finish();
    Ok(config)
}

fn read_execution(p: &mut Parser<'_>, config: &mut Config) -> Result<(), Fault> {
    p.object(EXECUTION, |p, name| {
        match name {
            "User" => config.user = p.optional_text()?,
            "WorkingDir" => config.working_dir = p.optional_text()?,
            "StopSignal" => config.stop_signal = p.optional_text()?,
            "Env" => config.env = p.optional(Parser::texts)?.unwrap_or_default(),
            "Entrypoint" => config.entrypoint = p.optional(words)?.unwrap_or_default(),
            "Cmd" => config.cmd = p.optional(words)?.unwrap_or_default(),
            "ExposedPorts" => {
                config.exposed_ports = p.optional(Parser::key_list)?.unwrap_or_default();
            }
            "Volumes" => config.volumes = p.optional(Parser::key_list)?.unwrap_or_default(),
            "Labels" => config.labels = p.optional(Parser::text_map)?.unwrap_or_default(),
            _ => p.skip(UNREAD)?,
        }
        Ok(())
    })
}

/// A list of words; a string counts as a list of one word, as in Docker.
fn words(p: &mut Parser<'_>) -> Result<TextList, Fault> {
    if p.peek() != Some(b'"') {
        return p.texts();
    }
    let word = p.text()?;
    let mut words = TextListBuilder::default();
    words.push_text(word.borrowed());
    Ok(words.finish())
}

fn read_step(p: &mut Parser<'_>, history: &mut HistoryBuilder) -> Result<(), Fault> {
    let [mut created, mut created_by, mut author, mut comment] = [None, None, None, None];
    let mut empty_layer = false;
    p.optional(|p| {
        p.object(HISTORY, |p, name| {
            match name {
                "created" => created = p.optional_text()?,
                "created_by" => created_by = p.optional_text()?,
                "author" => author = p.optional_text()?,
                "comment" => comment = p.optional_text()?,
                _ => empty_layer = p.optional(Parser::boolean)?.unwrap_or_default(),
            }
            Ok(())
        })
    })?;
    let texts = [&created, &created_by, &author, &comment];
    history.push(texts.map(Option::as_ref), empty_layer);
    Ok(())
}

fn read_rootfs(p: &mut Parser<'_>) -> Result<DigestList, Fault> {
    let mut diff_ids = DigestListBuilder::default();
    p.object(ROOTFS, |p, name| match name {
        "type" => match p.optional_text()? {
            Some(found) if &*found != "layers" => Err(Fault::malformed(format_args!(
                "found \"{}\", expected \"layers\"",
                Escaped(&found)
            ))),
            _ => Ok(()),
        },
        _ => p
            .optional(|p| {
                p.list(|p| {
                    diff_ids.push(&read_digest(p)?);
                    Ok(())
                })
            })
            .map(drop),
    })?;
    Ok(diff_ids.finish())
}
