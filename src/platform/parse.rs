//! Specifiers: platforms as people write them.

use super::fields::{Platform, field, or_empty};
use super::normalize;
use crate::text::{Escaped, Text};
use crate::text_list::{TextList, TextListBuilder};
use std::borrow::Cow;

/// The names that a single word may be, as in Go's toolchain.
const OPERATING_SYSTEMS: [&str; 17] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
    "zos",
];
const ARCHITECTURES: [&str; 24] = [
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "arm64",
    "arm64be",
    "armbe",
    "loong64",
    "mips",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "mipsle",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

/// Why a text is no specifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("platform \"{specifier}\": {flaw}")]
pub struct ParseError {
    /// Escaped, and truncated if long, like the texts in the flaw.
    specifier: String,
    flaw: Flaw,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Flaw {
    #[error("wildcard \"*\": expected names, wildcards are not supported")]
    Wildcard,
    #[error(
        "operating system \"{0}\": \
         expected [A-Za-z0-9_-]+, then nothing or (version+feature...) of [A-Za-z0-9_.%-]"
    )]
    OperatingSystem(String),
    #[error("{part} \"{text}\": expected {expected}")]
    Escape {
        part: &'static str,
        text: String,
        expected: &'static str,
    },
    #[error("{part} \"{text}\": expected [A-Za-z0-9_.-]+ between the slashes")]
    Component { part: &'static str, text: String },
    #[error("fourth part \"{0}\": expected os/architecture/variant at most")]
    FourthPart(String),
    #[error(
        "word \"{0}\": expected os/architecture, or one of the operating systems {os} \
         or of the architectures {architectures}",
        os = OPERATING_SYSTEMS.join(" "),
        architectures = ARCHITECTURES.join(" ")
    )]
    Word(String),
}

fn quoted(text: &str) -> String {
    Escaped(text).to_string()
}

impl Platform {
    /// Reads `os[(version+feature...)][/architecture[/variant]]`, or an architecture alone.
    /// Omitted parts are those of `host`.
    ///
    /// The names are normalized, but not completely: `arm` is kept without its `v7` where
    /// no variant was written, `arm64` gets a `v8` where one was.
    pub fn parse(specifier: &str, host: &Platform) -> Result<Self, ParseError> {
        let parsed = Specifier::split(specifier).and_then(|parts| parts.resolve(host));
        parsed.map_err(|flaw| ParseError {
            specifier: quoted(specifier),
            flaw,
        })
    }

    fn set_architecture(&mut self, architecture: &str, variant: Option<&str>) {
        let lower = (
            normalize::lower(architecture),
            normalize::lower(variant.unwrap_or_default()),
        );
        let (architecture, normal) = normalize::architecture(&lower.0, &lower.1);
        self.architecture = field(architecture);
        self.variant = field(match (architecture, normal, variant) {
            ("arm", "v7", None) => "",
            ("arm64", "", Some(_)) => "v8",
            _ => normal,
        });
    }
}

/// The parts of a specifier as written, with percent escapes resolved.
struct Specifier<'a> {
    /// All before the first slash, which may be an architecture alone.
    first: &'a str,
    os: &'a str,
    version: Option<Text>,
    features: TextList,
    architecture: Option<&'a str>,
    variant: Option<&'a str>,
}

impl<'a> Specifier<'a> {
    /// Checks the grammar. Of several flaws the first is reported: containerd's order.
    fn split(specifier: &'a str) -> Result<Self, Flaw> {
        if specifier.as_bytes().contains(&b'*') {
            return Err(Flaw::Wildcard);
        }
        let mut parts = specifier.splitn(4, '/');
        let first = parts.next().unwrap_or_default();
        let os = OsPart::split(first).ok_or_else(|| Flaw::OperatingSystem(quoted(first)))?;
        let version = match os.version {
            "" => None,
            version => field(&unescape("version", version)?),
        };
        let features = match os.features {
            None => TextList::NONE,
            Some(features) => unescaped_list(features)?,
        };
        let mut next = |part| match parts.next() {
            Some(text) if !is_component(text) => Err(Flaw::Component {
                part,
                text: quoted(text),
            }),
            text => Ok(text),
        };
        let (architecture, variant) = (next("architecture")?, next("variant")?);
        if let Some(text) = next("fourth part")? {
            return Err(Flaw::FourthPart(quoted(text)));
        }
        Ok(Self {
            first,
            os: os.name,
            version,
            features,
            architecture,
            variant,
        })
    }

    /// Normalizes the names, and takes omitted parts from `host`.
    fn resolve(self, host: &Platform) -> Result<Platform, Flaw> {
        let mut platform = Platform {
            os: field(normalize::os(&normalize::lower(self.os), "")),
            os_version: self.version,
            os_features: self.features,
            ..Platform::default()
        };
        if let Some(architecture) = self.architecture {
            platform.set_architecture(architecture, self.variant);
            return Ok(platform);
        }
        if OPERATING_SYSTEMS.contains(&or_empty(&platform.os)) {
            let host = host.normalize();
            if or_empty(&host.architecture) == "arm" {
                platform.variant = host.variant.filter(|v| v.as_str() != "v7");
            }
            platform.architecture = host.architecture;
            return Ok(platform);
        }
        let mut platform = Platform::default();
        platform.set_architecture(self.first, None);
        if !ARCHITECTURES.contains(&or_empty(&platform.architecture)) {
            return Err(Flaw::Word(quoted(self.first)));
        }
        platform.os = host.normalize().os;
        Ok(platform)
    }
}

/// The text before the first slash, its version and features still escaped.
struct OsPart<'a> {
    name: &'a str,
    version: &'a str,
    /// All after the first `+`.
    features: Option<&'a str>,
}

impl<'a> OsPart<'a> {
    fn split(part: &'a str) -> Option<Self> {
        let (name, version, features) = match part.split_once('(') {
            None => (part, "", None),
            Some((name, rest)) => {
                let options = rest.strip_suffix(')')?;
                match options.split_once('+') {
                    Some((version, features)) => (name, version, Some(features)),
                    None => (name, options, None),
                }
            }
        };
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let is_option = |b: u8| is_name(b) || b == b'.' || b == b'%';
        let fits = !name.is_empty()
            && name.bytes().all(is_name)
            && version.bytes().all(is_option)
            && features
                .into_iter()
                .flat_map(|features| features.split('+'))
                .all(|feature| !feature.is_empty() && feature.bytes().all(is_option));
        fits.then_some(Self {
            name,
            version,
            features,
        })
    }
}

fn is_component(part: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    !part.is_empty() && part.bytes().all(allowed)
}

/// Resolves the percent escapes of features joined by `+`.
fn unescaped_list(features: &str) -> Result<TextList, Flaw> {
    let mut list = TextListBuilder::default();
    for feature in features.split('+') {
        let is_text = list.push(&unescape("feature", feature)?);
        debug_assert!(is_text, "unescape refuses a NUL");
    }
    Ok(list.finish())
}

/// Resolves the percent escapes of a version or feature.
fn unescape<'a>(part: &'static str, text: &'a str) -> Result<Cow<'a, str>, Flaw> {
    let mut pieces = text.split('%');
    let start = pieces.next().unwrap_or_default();
    if start.len() == text.len() {
        return Ok(Cow::Borrowed(text));
    }
    let fail = |expected| Flaw::Escape {
        part,
        text: quoted(text),
        expected,
    };
    let mut bytes = start.as_bytes().to_vec();
    for piece in pieces {
        let byte = match piece.as_bytes() {
            [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                u8::from_str_radix(&piece[..2], 16).ok()
            }
            _ => None,
        };
        bytes.push(byte.ok_or_else(|| fail("two hexadecimal digits after each %"))?);
        bytes.extend(piece[2..].bytes());
    }
    let text = String::from_utf8(bytes).map_err(|_| fail("escapes that give UTF-8"))?;
    match text.contains('\0') {
        true => Err(fail("escapes that give no NUL")),
        false => Ok(Cow::Owned(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::samples::of;
    use proptest::prelude::*;

    fn parse(specifier: &str) -> Result<Platform, ParseError> {
        Platform::parse(specifier, &of(["Linux", "x86_64", ""]))
    }

    fn parsed(specifier: &str) -> Platform {
        parse(specifier).unwrap_or_else(|e| panic!("{specifier:?}: {e}"))
    }

    #[test]
    fn parts_are_named_and_normalized() {
        for (specifier, parts) in [
            ("macOS", ["darwin", "amd64", ""]),
            ("linux()", ["linux", "amd64", ""]),
            ("AArch64", ["linux", "arm64", ""]),
            ("armhf", ["linux", "arm", ""]),
            ("armel", ["linux", "arm", "v6"]),
            ("i386", ["linux", "386", ""]),
            ("linux/arm", ["linux", "arm", ""]),
            ("linux/armhf", ["linux", "arm", ""]),
            ("linux/armel", ["linux", "arm", "v6"]),
            ("linux/arm/7", ["linux", "arm", "v7"]),
            ("linux/armhf/v6", ["linux", "arm", "v7"]),
            ("linux/arm64", ["linux", "arm64", ""]),
            ("linux/arm64/8", ["linux", "arm64", "v8"]),
            ("linux/arm64/v8.0", ["linux", "arm64", "v8"]),
            ("linux/arm64/9.0", ["linux", "arm64", "v9"]),
            ("linux/amd64/v1", ["linux", "amd64", ""]),
            ("linux/i386/v2", ["linux", "386", ""]),
            ("Any/Thing/Goes.", ["any", "thing", "goes."]),
        ] {
            assert_eq!(parsed(specifier), of(parts), "{specifier:?}");
        }
    }

    #[test]
    fn options_are_unescaped_and_kept_as_written() {
        for (specifier, version, features) in [
            ("windows(10.0.17763)/amd64", Some("10.0.17763"), &[][..]),
            ("windows(+b+a+b)/amd64", None, &["b", "a", "b"]),
            ("linux(%2a%2B%2b%20%c3%A9+%2F)/a", Some("*++ é"), &["/"]),
        ] {
            let p = parsed(specifier);
            assert_eq!(p.os_version.as_deref(), version, "{specifier:?}");
            let found: Vec<&str> = p.os_features.iter().map(|f| f.as_str()).collect();
            assert_eq!(found, features, "{specifier:?}");
        }
    }

    #[test]
    fn absent_parts_come_from_the_host() {
        for (host, specifier, parts) in [
            (["windows", "arm64", "v8"], "arm", ["windows", "arm", ""]),
            (["windows", "arm64", "v8"], "linux", ["linux", "arm64", ""]),
            (["linux", "arm", ""], "linux", ["linux", "arm", ""]),
            (["linux", "arm", "7"], "linux", ["linux", "arm", ""]),
            (["linux", "armel", ""], "linux", ["linux", "arm", "v6"]),
            (["linux", "arm", "5"], "macos", ["darwin", "arm", "v5"]),
            (
                ["freebsd", "arm", "unknown"],
                "js",
                ["js", "arm", "unknown"],
            ),
            (["linux", "arm", "v6"], "arm", ["linux", "arm", ""]),
            (["linux", "amd64", "v3"], "linux", ["linux", "amd64", ""]),
        ] {
            let found = Platform::parse(specifier, &of(host)).unwrap();
            assert_eq!(found, of(parts), "{specifier:?} on {host:?}");
        }
    }

    /// Each row has the named flaw and all flaws of the rows below: the order of checks.
    #[test]
    fn errors_name_the_first_wrong_part() {
        for (specifier, message) in [
            ("(%f)/+/+/*", "wildcard \"*\""),
            ("(%f)/+/+/+", "operating system \"(%f)\""),
            ("", "operating system \"\""),
            ("li.nux", "operating system \"li.nux\""),
            ("linux\n", "operating system \"linux\\n\""),
            ("linux(", "operating system \"linux(\""),
            ("linux)/a", "operating system \"linux)\""),
            ("linux(a)b", "operating system \"linux(a)b\""),
            ("linux((a))", "operating system \"linux((a))\""),
            ("linux(+)", "operating system \"linux(+)\""),
            ("linux(a++b)", "operating system \"linux(a++b)\""),
            ("linux(a+)", "operating system \"linux(a+)\""),
            ("lınux/amd64", "operating system \"lınux\""),
            ("linux(%f+%g)/", "version \"%f\": expected two hexadecimal"),
            ("linux(%%41)", "version \"%%41\": expected two hexadecimal"),
            (
                "linux(%ff+%00)/",
                "version \"%ff\": expected escapes that give UTF-8",
            ),
            (
                "linux(%41%00)/",
                "version \"%41%00\": expected escapes that give no NUL",
            ),
            (
                "linux(1+a+%4+%)/",
                "feature \"%4\": expected two hexadecimal",
            ),
            (
                "linux(1+%c3%28)/",
                "feature \"%c3%28\": expected escapes that give UTF-8",
            ),
            ("nope(1)//", "architecture \"\""),
            ("linux/ /(", "architecture \" \""),
            ("linux/a/b%/", "variant \"b%\""),
            ("linux/a/b/", "fourth part \"\": expected [A-Za-z0-9_.-]+"),
            (
                "linux/a/b/c/d",
                "fourth part \"c/d\": expected [A-Za-z0-9_.-]+",
            ),
            (
                "linux/a/b/c",
                "fourth part \"c\": expected os/architecture/variant at most",
            ),
            ("wasip1", "word \"wasip1\""),
            ("arm64(1)", "word \"arm64(1)\""),
            ("arm64()", "word \"arm64()\""),
        ] {
            let error = parse(specifier).unwrap_err();
            let message = format!("\": {message}");
            assert!(
                error.to_string().contains(&message),
                "{specifier:?}: {error}"
            );
        }
    }

    proptest! {
        /// Any text of the grammar except `.` and `..`, which are resolved as in a path.
        #[test]
        fn what_format_all_writes_is_read_back(
            os in "[A-Za-z0-9_-]{1,6}",
            version in "([A-Za-z0-9_.-]|%2[58BF9]){0,6}",
            features in "(\\+([A-Za-z0-9_.-]|%2[58BF9]){1,4}){0,4}",
            architecture in "arm|ARM64|amd64|armel|[A-Za-z0-9_-]{1,6}",
            variant in "(/(8|v[0-9]|[A-Za-z0-9_-]{1,4}))?",
        ) {
            let p = parsed(&format!("{os}({version}{features})/{architecture}{variant}"));
            let again = parsed(&p.format_all());
            let mut sorted: Vec<Text> = p.os_features.iter().map(|f| f.to_text()).collect();
            sorted.sort();
            sorted.dedup();
            prop_assert_eq!(again, Platform { os_features: sorted.into_iter().collect(), ..p });
        }

        #[test]
        fn nothing_panics(specifier in "\\PC*|[a-z(+%0-9./)]{0,16}") {
            let _ = parse(&specifier);
        }
    }
}
