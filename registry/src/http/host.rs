//! Which hosts are of this machine or of a private network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A name, an IPv4 address, or an IPv6 address in brackets.
pub fn is_well_formed(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => {
            !host.is_empty()
                && host.len() <= 255
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        }
    }
}

/// `localhost`, 127.0.0.0/8 or `::1`.
pub fn is_loopback(host: &str) -> bool {
    match address(host) {
        Some(IpAddr::V4(address)) => address.is_loopback(),
        Some(IpAddr::V6(address)) => address.is_loopback(),
        None => is_localhost(host),
    }
}

/// Whether somebody on the public network could have this name: no server that has one may
/// lead a client to an address for which [`is_inner`] holds.
pub fn is_public_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    match address(&host) {
        Some(_) => !is_inner(&host),
        None => {
            host.contains('.')
                && !is_localhost(&host)
                && ![".local", ".internal", ".home.arpa"]
                    .iter()
                    .any(|end| host.ends_with(end))
        }
    }
}

/// Whether it is the literal of a private, link-local or loopback address, or `localhost`.
pub fn is_inner(host: &str) -> bool {
    match address(host) {
        Some(IpAddr::V4(address)) => is_inner_v4(address),
        Some(IpAddr::V6(address)) => is_inner_v6(address),
        None => is_localhost(host),
    }
}

fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

fn is_inner_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    a == 0
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        // Addresses shared behind a provider's NAT, where clouds keep services of theirs.
        || (a == 100 && (64..128).contains(&b))
}

fn is_inner_v6(address: Ipv6Addr) -> bool {
    if address.is_loopback() || address.is_unspecified() {
        return true;
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_inner_v4(Ipv4Addr::new(a, b, c, d))
    };
    match [a, b, c, d, e, f] {
        // Mapped and compatible IPv4 addresses, and those behind NAT64 and 6to4.
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => v4(g, h),
        [0x2002, ..] => v4(b, c),
        _ => (a & 0xfe00) == 0xfc00 || (a & 0xffc0) == 0xfe80 || (a & 0xffc0) == 0xfec0,
    }
}

/// The address that a host is a literal of, in all the forms that the system reads:
/// `127.1`, `0x7f000001` and `017700000001` are 127.0.0.1 too.
fn address(host: &str) -> Option<IpAddr> {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let parts: Vec<u32> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, leading) = parts.split_last()?;
    if leading.len() > 3 || leading.iter().any(|&part| part > 255) {
        return None;
    }
    let mut address = 0u32;
    for (i, part) in leading.iter().enumerate() {
        address |= part << (24 - 8 * i);
    }
    let room = 32 - 8 * leading.len() as u32;
    if room < 32 && *last >= 1 << room {
        return None;
    }
    Some(IpAddr::V4(Ipv4Addr::from(address | last)))
}

fn number(text: &str) -> Option<u32> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("0x") {
        Some("") => Some(0),
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None if lower.len() > 1 && lower.starts_with('0') => u32::from_str_radix(&lower, 8).ok(),
        None => lower.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_addresses_are_known_in_every_form() {
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7F.1",
            "017700000001",
            "0",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "192.168.257",
            "169.254.169.254",
            "100.64.0.1",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::a00:1]",
            "[2002:7f00:1::]",
            "127.0.0.1.",
        ] {
            assert!(is_inner(host), "{host}");
            assert!(!is_public_name(host), "{host}");
        }
        for host in [
            "example.org",
            "8.8.8.8",
            "[2606:4700::1111]",
            "172.32.0.1",
            "1.2.3.4",
            "10.example.org",
        ] {
            assert!(!is_inner(host), "{host}");
            assert!(is_public_name(host), "{host}");
        }
        for host in ["registry", "registry.local", "10.0.0.1"] {
            assert!(!is_public_name(host), "{host}");
        }
    }

    #[test]
    fn loopback_is_this_machine_alone() {
        for host in ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["10.0.0.1", "localhost.example.org", "[::2]", "0.0.0.0"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
