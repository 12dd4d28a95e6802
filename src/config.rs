//! The image configuration.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md>

use crate::descriptor::{self, Annotations};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::json::{self, Fault, Value};
use crate::platform::Platform;
use crate::text::{Escaped, Text};
use crate::text_list::TextList;
use std::sync::Arc;

const DEFINED: &[&str] = &[
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
];
const EXECUTION_DEFINED: &[&str] = &[
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
];
const EXECUTION_UNREAD: &[&str] = &[
    "ArgsEscaped",
    "Memory",
    "MemorySwap",
    "CpuShares",
    "Healthcheck",
];
const ROOTFS_DEFINED: &[&str] = &["type", "diff_ids"];
const HISTORY_DEFINED: &[&str] = &["created", "created_by", "author", "comment", "empty_layer"];

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
    pub diff_ids: Vec<Digest>,
    pub history: Vec<History>,
}

#[derive(Debug)]
pub struct History {
    pub created: Option<Text>,
    pub created_by: Option<Text>,
    pub author: Option<Text>,
    pub comment: Option<Text>,
    pub empty_layer: bool,
}

impl Config {
    /// The key of the `config` object, as the specification spells it, that a reader takes
    /// this key for.
    pub fn execution_member(key: &str) -> Option<&'static str> {
        let defined = EXECUTION_DEFINED.iter().copied();
        defined.into_iter().find(|name| json::folds_to(key, name))
    }

    pub fn parse(document: &[u8]) -> Result<Self> {
        let object = json::parse(document)?.object(DEFINED)?;
        let platform = descriptor::platform(&object)?;
        let has_platform = platform.os.is_some() && platform.architecture.is_some();
        let mut config = Self {
            created: object.text("created")?,
            author: object.text("author")?,
            platform: has_platform.then(|| Arc::new(platform)),
            diff_ids: object.optional("rootfs", diff_ids)?.unwrap_or_default(),
            history: object.list("history", History::read)?,
            ..Self::default()
        };
        object.optional("config", |value| config.read_execution(value))?;
        Ok(config)
    }

    fn read_execution(&mut self, value: Value<'_>) -> Result<(), Fault> {
        let object = value.object(EXECUTION_DEFINED)?;
        let keys = |key| -> Result<TextList, Fault> {
            // The values are empty objects that say nothing.
            let members = object.map(key, |value| value.check_keys())?;
            Ok(members.into_iter().map(|(key, ())| key).collect())
        };
        self.user = object.text("User")?;
        self.working_dir = object.text("WorkingDir")?;
        self.stop_signal = object.text("StopSignal")?;
        self.env = object.list("Env", Value::text)?.iter().collect();
        self.entrypoint = object.list("Entrypoint", Value::text)?.iter().collect();
        self.cmd = object.list("Cmd", Value::text)?.iter().collect();
        self.exposed_ports = keys("ExposedPorts")?;
        self.volumes = keys("Volumes")?;
        self.labels = object.map("Labels", Value::text)?.into_iter().collect();
        object.pass_over(EXECUTION_UNREAD)
    }

    /// MALFORMED unless there is one diff ID a layer.
    pub fn expect_layers(&self, count: usize) -> Result<()> {
        if self.diff_ids.len() == count {
            return Ok(());
        }
        Err(Error::malformed(format_args!(
            "found {} diff IDs in the config and {count} layers in the manifest, expected as many",
            self.diff_ids.len()
        )))
    }
}

impl History {
    fn read(value: Value<'_>) -> Result<Self, Fault> {
        let object = value.object(HISTORY_DEFINED)?;
        Ok(Self {
            created: object.text("created")?,
            created_by: object.text("created_by")?,
            author: object.text("author")?,
            comment: object.text("comment")?,
            empty_layer: object
                .optional("empty_layer", Value::boolean)?
                .unwrap_or_default(),
        })
    }
}

fn diff_ids(value: Value<'_>) -> Result<Vec<Digest>, Fault> {
    let object = value.object(ROOTFS_DEFINED)?;
    if let Some(found) = object.text("type")?
        && &*found != "layers"
    {
        return Err(Fault::malformed(format_args!(
            "found \"{}\", expected \"layers\"",
            Escaped(&found)
        ))
        .under("type"));
    }
    object.list("diff_ids", descriptor::digest)
}
