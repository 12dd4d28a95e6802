//! containerd's comparers transcribed literally, with their lists, copies and recursion:
//! the reference that the matchers are tested against.

use super::fields::{Platform, or_empty};
use super::samples;
use super::windows::Version;
use crate::text::Text;
use crate::text_list::TextList;

/// `platformVector` of a normalized platform.
pub fn vector(platform: &Platform) -> Vec<Platform> {
    let entry = |architecture: &str, variant: &str| Platform {
        os: platform.os.clone(),
        os_version: platform.os_version.clone(),
        os_features: platform.os_features.clone(),
        ..samples::of(["", architecture, variant])
    };
    let variant = or_empty(&platform.variant);
    let number: i64 = variant
        .strip_prefix('v')
        .unwrap_or(variant)
        .parse()
        .unwrap_or(0);
    let mut vector = vec![platform.clone()];
    match or_empty(&platform.architecture) {
        "amd64" => {
            for level in (1..number).rev() {
                vector.push(entry("amd64", &format!("v{level}")));
            }
            vector.push(entry("386", ""));
        }
        "arm" => {
            for version in (5..number).rev() {
                vector.push(entry("arm", &format!("v{version}")));
            }
        }
        "arm64" => {
            const V8: [&str; 10] = [
                "v8", "v8.1", "v8.2", "v8.3", "v8.4", "v8.5", "v8.6", "v8.7", "v8.8", "v8.9",
            ];
            const V9: [&str; 8] = ["v9", "v9.1", "v9.2", "v9.3", "v9.4", "v9.5", "v9.6", "v9.7"];
            let variant = if variant.is_empty() { "v8" } else { variant };
            let mut names = Vec::new();
            if let Some(minor) = V8.iter().position(|&v| v == variant) {
                names.extend(V8[..=minor].iter().rev());
            } else if let Some(minor) = V9.iter().position(|&v| v == variant) {
                names.extend(V9[..=minor].iter().rev());
                names.extend(V8[..=(minor + 5).min(9)].iter().rev());
            } else {
                return Vec::new();
            }
            vector = names.into_iter().map(|v| entry("arm64", v)).collect();
            vector.extend(["v8", "v7", "v6", "v5"].map(|v| entry("arm", v)));
        }
        _ => {}
    }
    vector
}

/// `NewMatcher`.
pub struct Single {
    normal: Platform,
    windows: Option<Version>,
}

impl Single {
    pub fn new(platform: &Platform) -> Self {
        Self {
            normal: platform.normalize(),
            windows: (or_empty(&platform.os) == "windows")
                .then(|| Version::parse(or_empty(&platform.os_version))),
        }
    }

    fn matches(&self, candidate: &Platform) -> bool {
        let mut candidate = candidate.clone();
        if let Some(host) = self.windows {
            if !host.runs(or_empty(&candidate.os_version)) {
                return false;
            }
            let mut features = candidate
                .os_features
                .iter()
                .map(|f| f.to_text())
                .collect::<Vec<Text>>();
            if let Some(win32k) = features.iter().position(|f| f.as_str() == "win32k") {
                features.remove(win32k);
            }
            candidate.os_features = features.into_iter().collect();
        }
        let candidate = candidate.normalize();
        let texts = |p: &Platform| [&p.os, &p.architecture, &p.variant].map(Option::clone);
        texts(&candidate) == texts(&self.normal)
            && is_subset(&candidate.os_features, &self.normal.os_features)
    }
}

fn is_subset(features: &TextList, of: &TextList) -> bool {
    features.iter().all(|f| of.iter().any(|own| own == f))
}

/// Its comparers.
pub enum Comparer {
    Ordered(Vec<Single>),
    Any(Vec<Single>),
    OnlyOs(Platform),
    WindowsDefault(Single),
    All,
}

impl Comparer {
    pub fn only(platform: &Platform) -> Self {
        Self::ordered(&vector(&platform.normalize()))
    }

    pub fn ordered(platforms: &[Platform]) -> Self {
        Self::Ordered(platforms.iter().map(Single::new).collect())
    }

    pub fn any(platforms: &[Platform]) -> Self {
        Self::Any(platforms.iter().map(Single::new).collect())
    }

    pub fn matches(&self, candidate: &Platform) -> bool {
        match self {
            Self::Ordered(matchers) | Self::Any(matchers) => {
                matchers.iter().any(|m| m.matches(candidate))
            }
            Self::OnlyOs(wanted) => {
                let normal = candidate.normalize();
                let version = Version::parse(or_empty(&wanted.os_version));
                normal.os == wanted.os
                    && (or_empty(&wanted.os) != "windows"
                        || version.runs(or_empty(&candidate.os_version)))
                    && is_subset(&normal.os_features, &wanted.os_features)
            }
            Self::WindowsDefault(matcher) => matcher.matches(candidate),
            Self::All => true,
        }
    }

    pub fn less(&self, a: &Platform, b: &Platform) -> bool {
        let (features_a, features_b) = (a.os_features.len(), b.os_features.len());
        let bare = |p: &Platform| Platform {
            os_features: TextList::NONE,
            ..p.clone()
        };
        match self {
            Self::Ordered(matchers) => {
                for m in matchers {
                    match (m.matches(a), m.matches(b)) {
                        (true, true) => return features_a > features_b,
                        (true, false) => return true,
                        (false, true) => return false,
                        (false, false) => {}
                    }
                }
                features_a + features_b > 0 && self.less(&bare(a), &bare(b))
            }
            Self::Any(_) => match (self.matches(a), self.matches(b)) {
                (true, true) => features_a > features_b,
                (false, false) if features_a + features_b > 0 => self.less(&bare(a), &bare(b)),
                (matches_a, matches_b) => matches_a && !matches_b,
            },
            Self::OnlyOs(wanted) => match (self.matches(a), self.matches(b)) {
                (true, true) => Self::ordered(std::slice::from_ref(wanted)).less(a, b),
                (matches_a, matches_b) => matches_a && !matches_b,
            },
            Self::WindowsDefault(m) => match (m.matches(a), m.matches(b)) {
                (true, true) => or_empty(&a.os_version) > or_empty(&b.os_version),
                (matches_a, matches_b) => matches_a && !matches_b,
            },
            Self::All => false,
        }
    }
}
