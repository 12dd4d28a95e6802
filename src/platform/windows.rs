//! Versions of Windows: a container needs a kernel that its files were made for.

/// `major.minor.build`; what follows never matters. All 0 is an unknown version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    major: u8,
    minor: u8,
    build: u16,
}

/// Windows Server 2022, the first kernel that runs containers of older builds too.
const STABLE_SINCE: u16 = 20348;

/// The long-term releases, the newest first. A host runs images not older than the newest
/// of them below itself.
const LONG_TERM: [u16; 2] = [26100, STABLE_SINCE];

impl Version {
    pub fn parse(text: &str) -> Self {
        let mut fields = text.split('.');
        let mut field = || fields.next().and_then(number);
        let version = (|| {
            Some(Self {
                major: field()?.try_into().ok()?,
                minor: field()?.try_into().ok()?,
                build: field()?,
            })
        })();
        version.unwrap_or_default()
    }

    /// Whether a host of this version runs containers made for `container`.
    pub fn runs(self, container: &str) -> bool {
        if self == Self::default() || container.is_empty() {
            return true;
        }
        let container = Self::parse(container);
        if (self.major, self.minor) != (container.major, container.minor) {
            return false;
        }
        if self.build < STABLE_SINCE {
            return self.build == container.build;
        }
        let oldest = LONG_TERM.into_iter().find(|&release| release < self.build);
        (oldest.unwrap_or(STABLE_SINCE)..=self.build).contains(&container.build)
    }
}

/// Digits alone; `parse` would accept a sign as well.
fn number(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_plain_numbers_that_fit_are_a_version() {
        let version = |major, minor, build| Version {
            major,
            minor,
            build,
        };
        for (text, parsed) in [
            ("10.0.17763", version(10, 0, 17763)),
            ("10.0.17763.1234.x", version(10, 0, 17763)),
            ("0010.000.00017763", version(10, 0, 17763)),
            ("255.255.65535", version(255, 255, 65535)),
            ("10.0.17763.", version(10, 0, 17763)),
            ("256.0.1", version(0, 0, 0)),
            ("10.256.1", version(0, 0, 0)),
            ("10.0.65536", version(0, 0, 0)),
            ("10.0", version(0, 0, 0)),
            ("10.0.", version(0, 0, 0)),
            ("..", version(0, 0, 0)),
            ("+10.0.17763", version(0, 0, 0)),
            ("10.-0.17763", version(0, 0, 0)),
            ("10.0. 17763", version(0, 0, 0)),
            ("10.0.17_763", version(0, 0, 0)),
            ("10.0.17763-x", version(0, 0, 0)),
            ("v10.0.17763", version(0, 0, 0)),
            ("10.0.١", version(0, 0, 0)),
            ("", version(0, 0, 0)),
        ] {
            assert_eq!(Version::parse(text), parsed, "{text:?}");
        }
    }

    #[test]
    fn hosts_run_the_builds_their_release_promises() {
        for (host, container, runs) in [
            ("10.0.17763", "10.0.17763.9", true),
            ("10.0.17763", "10.0.17762", false),
            ("10.0.20347", "10.0.20346", false),
            ("10.0.20348", "10.0.20348.1", true),
            ("10.0.20348", "10.0.20347", false),
            ("10.0.20348", "10.0.20349", false),
            ("10.0.20349", "10.0.20348", true),
            ("10.0.26100", "10.0.20348", true),
            ("10.0.26100", "10.0.20347", false),
            ("10.0.26100", "10.0.26101", false),
            ("10.0.26101", "10.0.26100", true),
            ("10.0.26101", "10.0.26099", false),
            ("10.0.26101", "10.1.26100", false),
            ("11.0.26101", "10.0.26100", false),
            ("10.0.26101", "", true),
            ("10.0.26101", "ltsc2022", false),
            ("10.0", "10.0.17763", true),
            ("garbage", "more", true),
            ("", "10.0.17763", true),
            ("0.0.5", "10.0.17763", false),
            ("0.0.5", "garbage", false),
        ] {
            assert_eq!(
                Version::parse(host).runs(container),
                runs,
                "{host} {container}"
            );
        }
    }
}
