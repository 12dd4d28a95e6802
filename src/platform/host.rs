//! The platform of this machine.

use super::fields::{Platform, field};
use super::normalize;
use std::env::consts;
use std::sync::LazyLock;

static HOST: LazyLock<Platform> = LazyLock::new(|| {
    let os = normalize::os(consts::OS, "");
    let architecture = goarch(consts::ARCH, cfg!(target_endian = "big"));
    let variant = match (os, architecture) {
        ("linux", "arm" | "arm64") => {
            let cpuinfo = std::fs::read("/proc/cpuinfo").ok();
            let cpuinfo = cpuinfo.as_deref().map(String::from_utf8_lossy);
            linux_variant(architecture, cpuinfo.as_deref(), &machine())
        }
        _ => variant(os, architecture),
    };
    Platform {
        os: field(os),
        architecture: field(architecture),
        variant: variant.and_then(field),
        ..Platform::default()
    }
});

impl Platform {
    /// This machine's platform, with its processor's variant. Read once.
    pub fn host() -> &'static Self {
        &HOST
    }
}

/// Go's name for Rust's `arch`. Most are equal, or aliases.
fn goarch(arch: &'static str, big_endian: bool) -> &'static str {
    match (arch, big_endian) {
        ("x86", _) => "386",
        ("x86_64", _) => "amd64",
        ("aarch64", false) => "arm64",
        ("aarch64", true) => "arm64be",
        ("arm", true) => "armbe",
        ("loongarch64", _) => "loong64",
        ("mips" | "mips32r6", false) => "mipsle",
        ("mips32r6", true) => "mips",
        ("mips64" | "mips64r6", false) => "mips64le",
        ("mips64r6", true) => "mips64",
        ("powerpc", _) => "ppc",
        ("powerpc64", false) => "ppc64le",
        ("powerpc64", true) => "ppc64",
        ("riscv32", _) => "riscv",
        ("wasm32" | "wasm64", _) => "wasm",
        (same, _) => same,
    }
}

/// The variant of an ARM processor on systems that support a single one.
fn variant(os: &str, architecture: &str) -> Option<&'static str> {
    match (os, architecture) {
        ("windows" | "darwin" | "freebsd", "arm64") => Some("v8"),
        ("windows" | "darwin", "arm") => Some("v7"),
        ("freebsd", "arm") => Some("unknown"),
        _ => None,
    }
}

/// The variant of an ARM processor under Linux, from `/proc/cpuinfo` (`None`
/// where that could not be read) or, as under emulation on another processor, by uname's
/// machine alone.
fn linux_variant(architecture: &str, cpuinfo: Option<&str>, machine: &str) -> Option<&'static str> {
    let cpuinfo = cpuinfo?;
    let version = match cpuinfo_value(cpuinfo, "CPU architecture") {
        Some(version) => version,
        None => machine_version(machine)?,
    };
    // Kernels for the first Raspberry Pis report 7 for ARMv6:
    // https://www.raspberrypi.org/forums/viewtopic.php?t=12614
    let says_v6 = || {
        cpuinfo_value(cpuinfo, "model name")
            .is_some_and(|model| normalize::lower(model).starts_with("armv6-compatible"))
    };
    let version = match version {
        "7" if architecture == "arm" && says_v6() => "6",
        version => version,
    };
    Some(match &*normalize::lower(version) {
        "8" | "aarch64" => "v8",
        "7" | "7m" | "?(12)" | "?(13)" | "?(14)" | "?(15)" | "?(16)" | "?(17)" => "v7",
        "6" | "6tej" => "v6",
        "5" | "5t" | "5te" | "5tej" => "v5",
        "4" | "4t" => "v4",
        "3" => "v3",
        _ => "unknown",
    })
}

/// The value in the first line that has this key: the first processor's.
fn cpuinfo_value<'a>(cpuinfo: &'a str, key: &str) -> Option<&'a str> {
    cpuinfo.lines().find_map(|line| {
        let mut columns = line.split(':');
        let found = columns.next()?.trim().eq_ignore_ascii_case(key);
        columns.next().filter(|_| found).map(str::trim)
    })
}

/// The ARM version in uname's machine: `aarch64`, `armv7l`...
fn machine_version(machine: &str) -> Option<&'static str> {
    let machine = normalize::lower(machine);
    if machine == "aarch64" {
        return Some("8");
    }
    Some(match machine.strip_prefix("armv")?.bytes().next()? {
        b'8' => "8",
        b'7' => "7",
        b'6' => "6",
        b'5' => "5",
        b'4' => "4",
        b'3' => "3",
        _ => "unknown",
    })
}

fn machine() -> String {
    let uname = rustix::system::uname();
    uname.machine().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fields::or_empty;

    #[test]
    fn this_machine_has_names_that_specifiers_know() {
        let host = Platform::host();
        assert_eq!(
            host.format(),
            Platform::parse(&host.format(), host).unwrap().format()
        );
        let os = Platform::parse(or_empty(&host.os), host).unwrap();
        assert_eq!(os.architecture, host.architecture);
        let architecture = Platform::parse(or_empty(&host.architecture), host);
        assert_eq!(architecture.unwrap().os, host.os);
    }

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn this_machine_is_read_whole() {
        let host = Platform::host();
        assert_eq!(host.format_all(), "linux/amd64");
        assert_eq!(machine(), "x86_64");
    }

    #[test]
    fn architectures_have_the_names_of_go() {
        for (rust, big_endian, go) in [
            ("x86", false, "386"),
            ("x86_64", false, "amd64"),
            ("aarch64", false, "arm64"),
            ("aarch64", true, "arm64be"),
            ("arm", false, "arm"),
            ("arm", true, "armbe"),
            ("loongarch64", false, "loong64"),
            ("mips", false, "mipsle"),
            ("mips", true, "mips"),
            ("mips32r6", true, "mips"),
            ("mips64", false, "mips64le"),
            ("mips64", true, "mips64"),
            ("mips64r6", true, "mips64"),
            ("powerpc", true, "ppc"),
            ("powerpc64", false, "ppc64le"),
            ("powerpc64", true, "ppc64"),
            ("riscv32", false, "riscv"),
            ("riscv64", false, "riscv64"),
            ("s390x", true, "s390x"),
            ("sparc64", true, "sparc64"),
            ("wasm32", false, "wasm"),
        ] {
            assert_eq!(goarch(rust, big_endian), go, "{rust}");
        }
    }

    #[test]
    fn operating_systems_that_tell_variants_by_support() {
        for (os, architecture, expected) in [
            ("windows", "arm64", Some("v8")),
            ("windows", "arm", Some("v7")),
            ("windows", "amd64", None),
            ("darwin", "arm64", Some("v8")),
            ("darwin", "arm", Some("v7")),
            ("darwin", "amd64", None),
            ("freebsd", "arm64", Some("v8")),
            ("freebsd", "arm", Some("unknown")),
            ("freebsd", "386", None),
            ("netbsd", "arm64", None),
            ("openbsd", "arm", None),
            ("solaris", "sparc64", None),
            ("linux", "amd64", None),
            ("linux", "riscv64", None),
        ] {
            assert_eq!(variant(os, architecture), expected, "{os}/{architecture}");
        }
    }

    #[test]
    fn cpuinfo_gives_the_variant_under_linux() {
        for (value, expected) in [
            ("8", "v8"),
            ("AArch64", "v8"),
            ("7", "v7"),
            ("7M", "v7"),
            ("?(12)", "v7"),
            ("?(17)", "v7"),
            ("?(11)", "unknown"),
            ("?(18)", "unknown"),
            ("6", "v6"),
            ("6TEJ", "v6"),
            ("5", "v5"),
            ("5T", "v5"),
            ("5TE", "v5"),
            ("5TEJ", "v5"),
            ("4", "v4"),
            ("4T", "v4"),
            ("3", "v3"),
            ("2", "unknown"),
            ("9", "unknown"),
            ("", "unknown"),
        ] {
            let cpuinfo = format!("processor\t: 0\nCPU architecture: {value}\n");
            for architecture in ["arm", "arm64"] {
                let found = linux_variant(architecture, Some(&cpuinfo), "armv5l");
                assert_eq!(found, Some(expected), "{value:?}");
            }
        }
    }

    #[test]
    fn lines_of_cpuinfo() {
        for (cpuinfo, expected) in [
            ("cpu ARCHITECTURE:7\nCPU architecture: 8", Some("v7")),
            ("\t CPU architecture \t:\t 7 \r\n", Some("v7")),
            ("CPU architecture: 7 : 8\n", Some("v7")),
            ("CPU architecture\nCPU architecture: 6\n", Some("v6")),
            ("CPU architectures: 6\nMy CPU architecture: 5\n", Some("v8")),
            ("a: CPU architecture: 7\n", Some("v8")),
            ("", Some("v8")),
        ] {
            assert_eq!(
                linux_variant("arm", Some(cpuinfo), "aarch64"),
                expected,
                "{cpuinfo:?}"
            );
        }
        assert_eq!(linux_variant("arm64", None, "aarch64"), None, "unreadable");
    }

    #[test]
    fn uname_gives_the_variant_where_cpuinfo_does_not() {
        for (machine, expected) in [
            ("aarch64", Some("v8")),
            ("AARCH64", Some("v8")),
            ("armv8l", Some("v8")),
            ("armv81", Some("v8")),
            ("armv7l", Some("v7")),
            ("ARMV7L", Some("v7")),
            ("armv6l", Some("v6")),
            ("armv5tejl", Some("v5")),
            ("armv4tl", Some("v4")),
            ("armv3", Some("v3")),
            ("armv10", Some("unknown")),
            ("armv9", Some("unknown")),
            ("armvé", Some("unknown")),
            ("armv", None),
            ("arm", None),
            ("aarch64_be", None),
            ("x86_64", None),
            ("", None),
        ] {
            let cpuinfo = Some("processor: 0\nflags: fpu\n");
            assert_eq!(
                linux_variant("arm64", cpuinfo, machine),
                expected,
                "{machine:?}"
            );
        }
    }

    #[test]
    fn the_first_raspberry_pi_is_v6() {
        for (architecture, version, model, expected) in [
            ("arm", "7", "ARMv6-compatible processor rev 7 (v6l)", "v6"),
            ("arm", "7", "armV6-COMPATIBLE", "v6"),
            ("arm", "7", "an ARMv6-compatible processor", "v7"),
            ("arm", "7", "ARMv7 Processor rev 3 (v7l)", "v7"),
            ("arm", "7M", "ARMv6-compatible processor", "v7"),
            ("arm", "8", "ARMv6-compatible processor", "v8"),
            ("arm64", "7", "ARMv6-compatible processor", "v7"),
        ] {
            let cpuinfo = format!("model name\t: {model}\nCPU architecture: {version}\n");
            let found = linux_variant(architecture, Some(&cpuinfo), "");
            assert_eq!(found, Some(expected), "{architecture} {version} {model}");
        }
        let cpuinfo = Some("model name: ARMv6-compatible processor\n");
        assert_eq!(linux_variant("arm", cpuinfo, "armv7l"), Some("v6"));
    }
}
