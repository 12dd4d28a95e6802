//! Which architectures and variants a processor runs, best first.

/// Computes the list that containerd builds (`platformVector`): a variant may be any
/// number, so the list may be larger than memory.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ladder {
    /// Itself alone.
    Exact,
    /// Nothing, not even itself: an arm64 of unknown version.
    Nothing,
    /// Every amd64 down from this level (1 where it has none), then 386.
    Amd64 { level: u64 },
    /// Itself, then every arm below this version down to 5.
    Arm { version: u64 },
    /// Every v9 from this minor version down where there is one, every v8 from this one,
    /// then every arm from 8 to 5.
    Arm64 { v9: Option<u64>, v8: u64 },
}

impl Ladder {
    /// Of a normalized architecture and variant.
    pub fn of(architecture: &str, variant: &str) -> Self {
        // As Go's `Atoi`: a sign and leading zeros are accepted.
        let number = || {
            let digits = variant.strip_prefix('v').unwrap_or(variant);
            let number: i64 = digits.parse().ok()?;
            number.try_into().ok()
        };
        match architecture {
            "amd64" => Self::Amd64 {
                level: number().unwrap_or(1).max(1),
            },
            "arm" => number().map_or(Self::Exact, |version| Self::Arm { version }),
            "arm64" => match Arm64::parse(variant) {
                Some(Arm64::V8(minor)) => Self::Arm64 {
                    v9: None,
                    v8: minor,
                },
                // v9.0 includes v8.5, and so on.
                Some(Arm64::V9(minor)) => Self::Arm64 {
                    v9: Some(minor),
                    v8: (minor + 5).min(9),
                },
                None => Self::Nothing,
            },
            _ => Self::Exact,
        }
    }

    /// Rank of a candidate: 0 is the platform itself, higher is worse. Both are normalized,
    /// `is_same` compares them.
    pub fn rank(
        self,
        is_same: impl FnOnce() -> bool,
        architecture: &str,
        variant: &str,
    ) -> Option<u64> {
        if !matches!(self, Self::Nothing | Self::Arm64 { .. }) && is_same() {
            return Some(0);
        }
        match (self, architecture) {
            (Self::Amd64 { level }, "amd64") => {
                let below = if variant.is_empty() {
                    1
                } else {
                    numbered(variant)?
                };
                level.checked_sub(below).filter(|&steps| steps > 0)
            }
            (Self::Amd64 { level }, "386") => variant.is_empty().then_some(level),
            (Self::Arm { version }, "arm") => {
                let below = numbered(variant).filter(|&v| v >= 5)?;
                version.checked_sub(below).filter(|&steps| steps > 0)
            }
            (Self::Arm64 { v9, v8 }, "arm64") => match Arm64::parse(variant)? {
                Arm64::V9(minor) => v9?.checked_sub(minor),
                Arm64::V8(minor) => Some(after(v9) + v8.checked_sub(minor)?),
            },
            (Self::Arm64 { v9, v8 }, "arm") => {
                let version = numbered(variant).filter(|v| (5..=8).contains(v))?;
                Some(after(v9) + after(Some(v8)) + 8 - version)
            }
            _ => None,
        }
    }
}

/// Steps from this minor version down to 0.
fn after(minor: Option<u64>) -> u64 {
    minor.map_or(0, |minor| minor + 1)
}

/// The number of a `v1`, `v2`... written as Go writes it.
fn numbered(variant: &str) -> Option<u64> {
    let digits = variant.strip_prefix('v')?;
    let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| canonical)
}

/// The versions of arm64 that are known, with their minor numbers.
enum Arm64 {
    V8(u64),
    V9(u64),
}

impl Arm64 {
    /// Of a normalized variant.
    fn parse(variant: &str) -> Option<Self> {
        match *variant.as_bytes() {
            [] => Some(Self::V8(0)),
            [b'v', b'8', b'.', minor @ b'1'..=b'9'] => Some(Self::V8(u64::from(minor - b'0'))),
            [b'v', b'9'] => Some(Self::V9(0)),
            [b'v', b'9', b'.', minor @ b'1'..=b'7'] => Some(Self::V9(u64::from(minor - b'0'))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fields::or_empty;
    use crate::platform::{oracle, samples};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]
        #[test]
        fn ranks_are_places_in_the_list(w in samples::platform(), c in samples::platform()) {
            let (w, c) = (w.normalize(), c.normalize());
            let texts = |p: &crate::platform::Platform| {
                [&p.architecture, &p.variant].map(|text| or_empty(text).to_owned())
            };
            let listed: Vec<_> = oracle::vector(&w).iter().map(|p| texts(&p.normalize())).collect();
            let (w, c) = (texts(&w), texts(&c));
            let place = listed.iter().position(|listed| *listed == c);
            let rank = Ladder::of(&w[0], &w[1]).rank(|| w == c, &c[0], &c[1]);
            prop_assert_eq!(rank, place.map(|place| place as u64), "{:?} of {:?}", c, w);
        }
    }

    #[test]
    fn numbers_beyond_any_list_cost_nothing() {
        let max = i64::MAX as u64;
        for (w, c, rank) in [
            (("amd64", "v1000000000"), ("amd64", "v999999999"), Some(1)),
            (("amd64", "v1000000000"), ("amd64", ""), Some(999_999_999)),
            (("amd64", "v1000000000"), ("386", ""), Some(1_000_000_000)),
            (("amd64", "v9223372036854775807"), ("386", ""), Some(max)),
            (("amd64", "v9223372036854775808"), ("386", ""), Some(1)),
            (("amd64", "v99999999999999999999"), ("amd64", "v2"), None),
            (("amd64", "-3"), ("amd64", ""), None),
            (("amd64", "vv3"), ("amd64", "v2"), None),
            (
                ("arm", "v9223372036854775807"),
                ("arm", "v5"),
                Some(max - 5),
            ),
            (("arm", "v9223372036854775807"), ("arm", "v4"), None),
            (("arm", "v99999999999999999999"), ("arm", "v7"), None),
            (("arm64", "v99999999999999999999"), ("arm", "v7"), None),
            (("amd64", "v3"), ("amd64", "v99999999999999999999"), None),
            (("amd64", "v3"), ("amd64", "v02"), None),
            (("amd64", "v3"), ("amd64", "v+2"), None),
            (("arm", "v10"), ("arm", "v10"), Some(0)),
            (("arm64", "v10"), ("arm64", "v10"), None),
        ] {
            assert_eq!(
                Ladder::of(w.0, w.1).rank(|| w == c, c.0, c.1),
                rank,
                "{c:?} of {w:?}"
            );
        }
    }
}
