//! Classifies IP addresses, to decide which of them a URL from a client may lead to.
//!
//! The rule lists the addresses that are allowed, not the ones that are forbidden. So an address that
//! the list does not mention is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Url;

/// The scope of an address: who can be reached at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressScope {
    /// A host on the public internet.
    Global,
    /// The same machine.
    Loopback,
    /// A host in some network only, or no host at all: private, shared, documentation, multicast,
    /// reserved, or an IPv4 address embedded in an IPv6 address.
    Special,
    /// A service of the machine or the cloud that may hand out credentials: link-local addresses, and the
    /// few other addresses that clouds use for such services.
    Never,
}

/// Classifies an address.
#[must_use]
pub fn address_scope(address: IpAddr) -> AddressScope {
    match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }
}

fn of_v4(address: Ipv4Addr) -> AddressScope {
    // Every block of IANA's registry of special-purpose addresses that is not globally reachable, and the
    // relays of 6to4, which no longer work.
    match address.octets() {
        [127, ..] => AddressScope::Loopback,
        // Link-local: instance metadata, container credentials, the Lambda runtime, X-Ray, the DNS resolver.
        [169, 254, ..]
        // The metadata services of Alibaba and Oracle, and the wire server of Azure, a public address.
        | [100, 100, 100, 200]
        | [192, 0, 0, 192]
        | [168, 63, 129, 16] => AddressScope::Never,
        [0 | 10, ..]
        | [100, 64..=127, ..]
        | [172, 16..=31, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [192, 168, ..]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [224..=255, ..] => AddressScope::Special,
        _ => AddressScope::Global,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressScope {
    if address.is_loopback() {
        return AddressScope::Loopback;
    }
    let never = match address.segments() {
        // Link-local; metadata services of AWS (two) and Google; and local-use NAT64 (RFC 8215),
        // which may lead to any of them: each network chooses where its prefix embeds the IPv4 address.
        [0xfe80..=0xfebf, ..]
        | [0xfd00, 0x0ec2, ..]
        | [0xfd20, 0x00ce, ..]
        | [0x0064, 0xff9b, 0x0001, ..] => true,
        _ => embedded(address).is_some_and(|inner| of_v4(inner) == AddressScope::Never),
    };
    if never {
        return AddressScope::Never;
    }
    match address.segments() {
        // Within 2000::/3: IETF protocols (Teredo, ORCHID, benchmarking), documentation, 6to4.
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => {
            AddressScope::Special
        }
        [0x2000..=0x3fff, ..] => AddressScope::Global,
        _ => AddressScope::Special,
    }
}

/// Returns the IPv4 address that a router or a kernel would extract from this address, or else this
/// address.
#[must_use]
pub fn unwrapped(address: IpAddr) -> IpAddr {
    match address {
        // `::1` would give 0.0.0.1.
        IpAddr::V6(v6) if !v6.is_loopback() => embedded(v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) | IpAddr::V6(_) => address,
    }
}

/// Returns the IPv4 address that a router or a kernel would extract from this address.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        // IPv4-compatible, IPv4-mapped, IPv4-translated, NAT64.
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        // 6to4.
        | [0x2002, high, low, ..] => Some(v4(high, low)),
        // Teredo inverts every bit of the address.
        [0x2001, 0, _, _, _, _, high, low] => Some(v4(!high, !low)),
        _ => None,
    }
}

/// Returns the port that a request to `url` goes to; `None` if no request can: the URL has port 0, which no
/// server listens on, or no port and an unknown scheme.
#[must_use]
pub fn usable_port(url: &Url) -> Option<u16> {
    url.port_or_known_default().filter(|port| *port != 0)
}

/// Whether the name stands for this machine by RFC 6761, in another spelling than `localhost`.
#[must_use]
pub fn is_local_name(name: &str) -> bool {
    let without_dot = name.strip_suffix('.').unwrap_or(name);
    name == "localhost." || without_dot.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> AddressScope {
        address_scope(text.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_global() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.0.0.1",
            "128.0.0.1",
            "169.253.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "192.169.0.0",
            "198.17.0.1",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2600:1f18::1",
            "2a00:1450::1",
            "2606:4700:4700::1111",
        ] {
            assert_eq!(of(text), AddressScope::Global, "{text}");
        }
    }

    #[test]
    fn loopback_and_special_addresses_are_distinguished() {
        for text in ["127.0.0.1", "127.255.255.255", "::1"] {
            assert_eq!(of(text), AddressScope::Loopback, "{text}");
        }
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.9",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "64:ff9b::10.0.0.1",
            "64:ff9b:2::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
        ] {
            assert_eq!(of(text), AddressScope::Special, "{text}");
        }
    }

    #[test]
    fn credential_service_is_never_in_every_embedding() {
        for text in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.100.1",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "::169.254.169.254",
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1:2:3:4:a9fe:a9fe",
            "64:ff9b:1:a9fe:00a9:fe00::",
            "64:ff9b:1::1",
            "2002:a9fe:a9fe::1",
            "2001:0:1:2:3:4:5601:5601",
        ] {
            assert_eq!(of(text), AddressScope::Never, "{text}");
        }
    }

    proptest! {
        #[test]
        fn ipv4_address_embedded_in_ipv6_is_not_global(
            bits: u32, wrapping in 0usize..5, rest: [u16; 3]
        ) {
            let inner = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = inner.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let [x, y, z] = rest;
            let wrapped = Ipv6Addr::from([
                [0, 0, 0, 0, 0, 0xffff, high, low],
                [0, 0, 0, 0, 0, 0, high, low],
                [0x64, 0xff9b, 0, 0, 0, 0, high, low],
                [0x2002, high, low, x, y, z, x, y],
                [0x2001, 0, x, y, z, x, !high, !low],
            ][wrapping]);
            let scope = address_scope(wrapped.into());
            prop_assert!(scope != AddressScope::Global, "{wrapped}");
            prop_assert_eq!(scope == AddressScope::Never, of_v4(inner) == AddressScope::Never, "{}", wrapped);
            if wrapped != Ipv6Addr::LOCALHOST {
                prop_assert_eq!(unwrapped(wrapped.into()), IpAddr::from(inner));
            }
        }

        #[test]
        fn local_use_nat64_address_is_never(
            bits: u32, length in prop::sample::select(&[48usize, 56, 64, 96][..]), rest: u128
        ) {
            // RFC 6052 embeds an IPv4 address behind a prefix of that length, but skips the bits 64 to 71.
            let mut octets = (rest & (u128::MAX >> 48) | 0x0064_ff9b_0001 << 80).to_be_bytes();
            let positions = (length / 8..16).filter(|at| *at != 8);
            for (at, octet) in positions.zip(bits.to_be_bytes()) {
                octets[at] = octet;
            }
            prop_assert_eq!(address_scope(Ipv6Addr::from(octets).into()), AddressScope::Never);
        }

        #[test]
        fn address_outside_global_unicast_is_not_global(segments: [u16; 8]) {
            let address = Ipv6Addr::from(segments);
            if segments[0] & 0xe000 != 0x2000 {
                prop_assert!(address_scope(address.into()) != AddressScope::Global, "{address}");
            }
        }

        #[test]
        fn special_address_of_std_is_not_global(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let special = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_multicast() || address.is_documentation() || address.is_broadcast()
                || address.is_unspecified();
            prop_assert!(!special || of_v4(address) != AddressScope::Global, "{address}");
        }
    }
}
