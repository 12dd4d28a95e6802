//! Which platforms match, and which of them are preferred.

use super::fields::{Platform, field, or_empty};
use super::ladder::Ladder;
use super::normalize;
use super::windows::Version;
use crate::text::{Text, TextRef};
use crate::text_list::TextList;
use std::cmp::Reverse;
use std::mem;
use std::ptr;

static NO_FEATURES: TextList = TextList::NONE;

/// Filters and orders candidates. The wanted platforms are normalized once; a candidate is
/// compared as it is, without a copy where it is in lower case already.
#[derive(Clone, Debug)]
pub struct Matcher {
    rule: Rule,
    /// The OS of candidates that name none: that of the machine the matcher is for.
    host_os: Text,
}

#[derive(Clone, Debug)]
enum Rule {
    All,
    /// The first of them that matches, then the more features needed the better.
    Ordered(Box<[Wanted]>),
    /// The more features needed the better, whichever of them matches.
    Any(Box<[Wanted]>),
    /// The OS alone; the right architecture before the others.
    Os(Wanted),
    /// OS versions that a Windows host takes: the newest OS version first, as text.
    WindowsHost(Wanted),
}

/// A platform's place in a matcher's order: the lesser is preferred, equal ones are tied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key<'a> {
    /// Below `FAILURES` if it matches.
    rank: u64,
    features: Reverse<usize>,
    os_version: Option<Reverse<&'a str>>,
}

/// A rank is a place in a list or, from a [`Ladder`], at most `i64::MAX`. Platforms that do
/// not match have higher ranks than all that match.
const FAILURES: u64 = 1 << 63;
const LAST: u64 = FAILURES - 1;

impl Key<'_> {
    const fn of(rank: u64) -> Self {
        Self {
            rank,
            features: Reverse(0),
            os_version: None,
        }
    }

    /// After every match; `rank` orders the failures.
    const fn failure(rank: u64) -> Self {
        Self::of(FAILURES | rank)
    }

    pub fn is_match(&self) -> bool {
        self.rank < FAILURES
    }
}

impl Matcher {
    /// Platforms that a machine of `platform` runs: its architecture and variant, then further
    /// ones, such as 386 on amd64.
    pub fn only(platform: &Platform) -> Self {
        Self::here(|host_os| Rule::Ordered([Wanted::with_ladder(platform, host_os)].into()))
    }

    /// `platform` as it is, in any spelling.
    pub fn only_strict(platform: &Platform) -> Self {
        Self::here(|host_os| Rule::Ordered([Wanted::normalized(platform, host_os)].into()))
    }

    /// The OS of `platform`, with its version and features, on any architecture.
    pub fn only_os(platform: &Platform) -> Self {
        Self::here(|host_os| Rule::Os(Wanted::normalized(platform, host_os)))
    }

    /// Any of `platforms`, in their order.
    pub fn ordered(platforms: &[&Platform]) -> Self {
        Self::here(|host_os| Rule::Ordered(Wanted::each(platforms, host_os)))
    }

    /// Any of `platforms`, none preferred.
    pub fn any(platforms: &[&Platform]) -> Self {
        Self::here(|host_os| Rule::Any(Wanted::each(platforms, host_os)))
    }

    /// Everything, in no order.
    pub fn all() -> Self {
        Self::here(|_| Rule::All)
    }

    /// Platforms that a machine of platform `host` runs by default: Darwin and FreeBSD run Linux
    /// images after their own, Windows prefers the newest version it can run.
    pub fn default_for(host: &Platform) -> Self {
        let host = host.normalize();
        let linux = |variant| Platform {
            os: field("linux"),
            architecture: host.architecture.clone(),
            variant,
            ..Platform::default()
        };
        let host_os = or_empty(&host.os);
        let rule = match host_os {
            "windows" => Rule::WindowsHost(Wanted::new(&host, host_os)),
            "darwin" => Rule::Ordered(Wanted::each(&[&host, &linux(None)], host_os)),
            "freebsd" => {
                let linux = linux(host.variant.clone());
                Rule::Ordered(Wanted::each(&[&host, &linux], host_os))
            }
            _ => Rule::Ordered([Wanted::with_ladder(&host, host_os)].into()),
        };
        Self::new(rule, host_os)
    }

    fn here(rule: impl FnOnce(&str) -> Rule) -> Self {
        let host_os = or_empty(&Platform::host().os);
        Self::new(rule(host_os), host_os)
    }

    fn new(rule: Rule, host_os: &str) -> Self {
        Self {
            rule,
            host_os: Text::new(host_os).expect("it was a text"),
        }
    }

    pub fn matches(&self, platform: &Platform) -> bool {
        self.key(platform).is_match()
    }

    /// Whether `a` is preferred to `b`: by their keys, whether they match or not.
    pub fn less(&self, a: &Platform, b: &Platform) -> bool {
        self.key(a) < self.key(b)
    }

    /// The items whose platform matches, the preferred first; ties keep their order.
    pub fn select<'a, T>(&self, candidates: impl IntoIterator<Item = (&'a Platform, T)>) -> Vec<T> {
        // The entries of an index share a handful of platforms: each gets its key once. Two
        // of them may share a slot, at no more than the cost of both. (With a HashMap in its
        // place, selecting among 100,000 entries took a third longer.)
        let mut known: [Option<(&Platform, Key<'a>)>; 256] = [None; 256];
        let mut key = |platform: &'a Platform| {
            let address = ptr::from_ref(platform) as usize;
            let slot = &mut known[address / 16 % 256];
            match *slot {
                Some((same, key)) if ptr::eq(same, platform) => key,
                _ => slot.insert((platform, self.key(platform))).1,
            }
        };
        let mut matching: Vec<(Key<'a>, T)> = candidates
            .into_iter()
            .map(|(platform, item)| (key(platform), item))
            .filter(|(key, _)| key.is_match())
            .collect();
        matching.sort_by_key(|&(key, _)| key);
        matching.into_iter().map(|(_, item)| item).collect()
    }

    /// The platform's place in the order, to filter and sort by.
    pub fn key<'a>(&self, platform: &'a Platform) -> Key<'a> {
        let candidate = Candidate {
            host_os: &self.host_os,
            platform,
            features: &platform.os_features,
        };
        match &self.rule {
            Rule::All => Key::of(0),
            Rule::Ordered(wanted) => candidate.key_by(|candidate| {
                // Only a platform that is alone in the list has ranks other than 0.
                let mut places = (0..).zip(wanted);
                places.find_map(|(place, wanted)| Some(place + wanted.rank(candidate)?))
            }),
            Rule::Any(wanted) => candidate.key_by(|candidate| {
                let mut wanted = wanted.iter();
                wanted
                    .any(|wanted| wanted.rank(candidate).is_some())
                    .then_some(0)
            }),
            Rule::Os(wanted) => {
                if !wanted.has_os_of(&candidate) || !wanted.has_all(candidate.features, None) {
                    Key::failure(LAST)
                } else if wanted.rank(&candidate).is_some() {
                    candidate.matching(0)
                } else {
                    Key::of(LAST)
                }
            }
            Rule::WindowsHost(wanted) => match wanted.rank(&candidate) {
                Some(_) => Key {
                    os_version: Some(Reverse(or_empty(&platform.os_version))),
                    ..Key::of(0)
                },
                None => Key::failure(LAST),
            },
        }
    }
}

/// The parts of a platform that are compared.
struct Candidate<'m, 'a> {
    host_os: &'m str,
    platform: &'a Platform,
    features: &'a TextList,
}

impl<'a> Candidate<'_, 'a> {
    /// The key by a rank, which only matching candidates have. Those that would match
    /// without their features come first among the others.
    fn key_by(mut self, rank: impl Fn(&Self) -> Option<u64>) -> Key<'a> {
        if let Some(rank) = rank(&self) {
            return self.matching(rank);
        }
        let had_features = !mem::replace(&mut self.features, &NO_FEATURES).is_empty();
        let bare = had_features.then(|| rank(&self)).flatten();
        Key::failure(bare.unwrap_or(LAST))
    }

    /// The key of a match: of one rank, the more features needed the better.
    fn matching(&self, rank: u64) -> Key<'a> {
        Key {
            features: Reverse(self.features.len()),
            ..Key::of(rank)
        }
    }
}

/// A wanted platform in normal form; its version of Windows is the host's.
#[derive(Clone, Debug)]
struct Wanted {
    os: Box<str>,
    /// Set if versions of Windows count.
    windows: Option<Version>,
    architecture: Box<str>,
    variant: Box<str>,
    ladder: Ladder,
    features: Box<[Text]>,
}

impl Wanted {
    /// Versions of Windows count only where the OS is written in normal form.
    fn new(platform: &Platform, host_os: &str) -> Self {
        let version = || Version::parse(or_empty(&platform.os_version));
        let normal = platform.normalize_on(host_os);
        Self {
            os: or_empty(&normal.os).into(),
            windows: (or_empty(&platform.os) == "windows").then(version),
            architecture: or_empty(&normal.architecture).into(),
            variant: or_empty(&normal.variant).into(),
            ladder: Ladder::Exact,
            features: normal.os_features.iter().map(TextRef::to_text).collect(),
        }
    }

    fn each(platforms: &[&Platform], host_os: &str) -> Box<[Self]> {
        platforms.iter().map(|p| Self::new(p, host_os)).collect()
    }

    fn normalized(platform: &Platform, host_os: &str) -> Self {
        Self::new(&platform.normalize_on(host_os), host_os)
    }

    fn with_ladder(platform: &Platform, host_os: &str) -> Self {
        let exact = Self::normalized(platform, host_os);
        Self {
            ladder: Ladder::of(&exact.architecture, &exact.variant),
            ..exact
        }
    }

    /// The distance of the candidate from this platform, if it matches.
    fn rank(&self, candidate: &Candidate) -> Option<u64> {
        if !self.has_os_of(candidate) {
            return None;
        }
        let platform = candidate.platform;
        let lower = [&platform.architecture, &platform.variant]
            .map(|name| normalize::lower(or_empty(name)));
        let (architecture, variant) = normalize::architecture(&lower[0], &lower[1]);
        let is_same = || *architecture == *self.architecture && *variant == *self.variant;
        let rank = self.ladder.rank(is_same, architecture, variant)?;
        // An image that names win32k also runs on Windows hosts without that feature.
        let is_win32k = |f: TextRef<'_>| self.windows.is_some() && f.as_str() == "win32k";
        let implied = candidate.features.iter().position(is_win32k);
        self.has_all(candidate.features, implied).then_some(rank)
    }

    fn has_os_of(&self, candidate: &Candidate) -> bool {
        let os = or_empty(&candidate.platform.os);
        let is_own = |os: &str| *os == *self.os;
        // A text that is a normal form is its own normal form.
        let named = is_own(os) || is_own(normalize::os(&normalize::lower(os), candidate.host_os));
        let runs = |host: Version| host.runs(or_empty(&candidate.platform.os_version));
        named && self.windows.is_none_or(runs)
    }

    fn has_feature(&self, feature: TextRef<'_>) -> bool {
        let own = |own: &Text| own.as_str().cmp(feature.as_str());
        self.features.binary_search_by(own).is_ok()
    }

    /// Whether all `features`, except the one at `implied`, are among its own.
    fn has_all(&self, features: &TextList, implied: Option<usize>) -> bool {
        (0..)
            .zip(features.iter())
            .all(|(i, feature)| Some(i) == implied || self.has_feature(feature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::oracle::{Comparer, Single};
    use crate::platform::samples::{of, platform};
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// Every kind of matcher for these platforms, with its reference.
    fn pairs(wanted: &[Platform]) -> Vec<(Matcher, Comparer)> {
        let all: Vec<&Platform> = wanted.iter().collect();
        let first = &wanted[0];
        let windows = Platform {
            os: field("windows"),
            ..first.clone()
        };
        let darwin = Platform {
            os: field("darwin"),
            ..first.normalize()
        };
        let linux = of(["linux", or_empty(&darwin.architecture), ""]);
        vec![
            (Matcher::only(first), Comparer::only(first)),
            (
                Matcher::only_strict(first),
                Comparer::ordered(&[first.normalize()]),
            ),
            (Matcher::only_os(first), Comparer::OnlyOs(first.normalize())),
            (Matcher::ordered(&all), Comparer::ordered(wanted)),
            (Matcher::any(&all), Comparer::any(wanted)),
            (Matcher::all(), Comparer::All),
            (
                Matcher {
                    host_os: Text::new("linux").unwrap(),
                    ..Matcher::default_for(&windows)
                },
                Comparer::WindowsDefault(Single::new(&windows)),
            ),
            (
                Matcher {
                    host_os: Text::new("linux").unwrap(),
                    ..Matcher::default_for(&darwin)
                },
                Comparer::ordered(&[darwin, linux]),
            ),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn matchers_agree_with_the_algorithm_written_out(
            wanted in vec(platform(), 1..5),
            candidates in vec(platform(), 2..6),
        ) {
            // Candidates near the wanted platforms, since matches are rare otherwise.
            let near = candidates.iter().map(|c| Platform {
                os: wanted[0].os.clone(),
                architecture: wanted[0].architecture.clone(),
                ..c.clone()
            });
            let candidates: Vec<Platform> = near.chain(candidates.iter().cloned()).collect();
            for (matcher, comparer) in pairs(&wanted) {
                for a in &candidates {
                    prop_assert_eq!(matcher.matches(a), comparer.matches(a), "{:?} {:?}", matcher, a);
                    for b in &candidates {
                        let less = matcher.less(a, b);
                        prop_assert_eq!(less, comparer.less(a, b), "{:?} {:?} {:?}", matcher, a, b);
                    }
                }
            }
        }

        #[test]
        fn less_is_a_strict_weak_order(
            wanted in vec(platform(), 1..5),
            [a, b, c] in [platform(), platform(), platform()],
        ) {
            for (matcher, _) in pairs(&wanted) {
                let less = |x, y| matcher.less(x, y);
                let tied = |x, y| !less(x, y) && !less(y, x);
                prop_assert!(!less(&a, &a));
                prop_assert!(!(less(&a, &b) && less(&b, &a)));
                prop_assert!(!(less(&a, &b) && less(&b, &c)) || less(&a, &c));
                prop_assert!(!(tied(&a, &b) && tied(&b, &c)) || tied(&a, &c));
            }
        }
    }

    fn with(p: Platform, version: &str, features: &[&str]) -> Platform {
        Platform {
            os_version: field(version),
            os_features: features.iter().map(|f| Text::new(f).unwrap()).collect(),
            ..p
        }
    }

    #[test]
    fn defaults_are_those_of_the_host() {
        let run = |host: Platform| {
            let candidates = [
                of(["linux", "arm64", ""]),
                of(["darwin", "arm64", "v8"]),
                of(["freebsd", "arm64", "v8"]),
                of(["linux", "arm", "v6"]),
                of(["freebsd", "arm", "unknown"]),
                of(["linux", "arm", "unknown"]),
                of(["", "amd64", ""]),
                with(of(["windows", "arm64", "v8"]), "10.0.20348.9", &[]),
                with(of(["windows", "ARM64", ""]), "10.0.25398", &["win32k"]),
                with(of(["windows", "arm64", ""]), "10.0.26101", &[]),
                with(of(["windows", "arm64", ""]), "", &[]),
                with(of(["windows", "arm", ""]), "10.0.25398", &[]),
            ];
            Matcher::default_for(&host).select(candidates.iter().zip(0..))
        };
        let windows = with(of(["Windows", "arm64", "v8"]), "10.0.25398", &[]);
        for (host, selected) in [
            (of(["linux", "arm64", "v8"]), vec![0, 3]),
            (of(["linux", "arm", "unknown"]), vec![5]),
            (of(["macOS", "AArch64", "v8"]), vec![1, 0]),
            (of(["freebsd", "arm64", "v8"]), vec![2, 0]),
            (of(["freebsd", "arm", "unknown"]), vec![4, 5]),
            (of(["netbsd", "amd64", ""]), vec![6]),
            (windows, vec![8, 7, 10]),
        ] {
            assert_eq!(run(host.clone()), selected, "{host:?}");
        }
    }

    /// Indexes are not trusted: long texts and lists are compared as
    /// any others.
    #[test]
    fn huge_candidates_are_ordinary() {
        let long = "\u{130}V".repeat(1 << 20);
        let features: Vec<Text> = (0..100_000)
            .map(|i| Text::new(&i.to_string()).unwrap())
            .collect();
        let huge = Platform {
            os_features: features.into_iter().collect(),
            ..of([&long, &long, &long])
        };
        let many = Platform {
            os_features: huge.os_features.clone(),
            ..of(["linux", "amd64", ""])
        };
        let m = Matcher::only(&of(["linux", "amd64", "v99999999999999999999"]));
        assert!(!m.matches(&huge) && !m.matches(&many));
        let m = Matcher::only(&of(["linux", "amd64", ""]));
        assert!(m.less(&many, &huge), "it would match without its features");
        let same = Matcher::only_strict(&huge);
        assert!(same.matches(&huge));
    }
}
