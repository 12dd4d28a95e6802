//! Platforms for the tests: similar ones, so that several rules apply.

use super::fields::{Platform, field};
use crate::text::Text;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

pub fn of([os, architecture, variant]: [&str; 3]) -> Platform {
    Platform {
        os: field(os),
        architecture: field(architecture),
        variant: field(variant),
        ..Platform::default()
    }
}

const OS: &[&str] = &[
    "linux",
    "linux",
    "Linux",
    "windows",
    "windows",
    "Windows",
    "darwin",
    "macOS",
    "freebsd",
    "",
    "L\u{130}NUX",
];

const ARCHITECTURES: &[&str] = &[
    "amd64", "amd64", "x86_64", "386", "i386", "arm64", "arm64", "arm64", "AArch64", "arm", "arm",
    "armhf", "ARMEL", "riscv64", "",
];

const VARIANTS: &[&str] = &[
    "", "", "", "v1", "v2", "V3", "v03", "v+3", "+4", "v4", "3", "-2", "v0", "5", "6", "7", "8",
    "9", "v5", "v6", "v7", "v8", "v9", "v10", "v12", "+8", "v8.0", "8.0", "v8.1", "v8.5", "v8.9",
    "v8.10", "9.0", "v9.0", "v9.1", "v9.4", "v9.7", "v9.8", "9.1", "foo", "vv3", "v40",
];

const VERSIONS: &[&str] = &[
    "",
    "",
    "10.0.17763",
    "10.0.20348",
    "10.0.20348.9",
    "10.0.20349",
    "10.0.25398.1",
    "10.0.26100",
    "10.0.26101",
    "10.1.26100",
    "10.0",
    "ltsc2022",
    "14.1",
];

const FEATURES: &[&str] = &["win32k", "win32k", "gpu", "gpu", "", "GPU", "erofs"];

pub fn platform() -> impl Strategy<Value = Platform> {
    let features = prop_oneof![
        2 => Just(Vec::new()),
        3 => subsequence(FEATURES, 0..=4).prop_shuffle(),
    ];
    let parts = (select(OS), select(ARCHITECTURES), select(VARIANTS));
    (parts, select(VERSIONS), features).prop_map(
        |((os, architecture, variant), version, features)| Platform {
            os_version: field(version),
            os_features: features.into_iter().filter_map(Text::new).collect(),
            ..of([os, architecture, variant])
        },
    )
}
