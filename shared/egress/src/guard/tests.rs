use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn check(policy: EgressPolicy, url: &str) -> Result<(), PolicyViolation> {
    Guard::with_runtime_api(policy, Some("127.0.0.1:9001")).check(&Url::parse(url).unwrap())
}

#[test]
fn public_only_permits_https_to_global_addresses() {
    for url in [
        "https://example.com/hook",
        "https://example.com:8443/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://bücher.example/",
    ] {
        assert_eq!(check(EgressPolicy::PublicOnly, url), Ok(()), "{url}");
    }
    for (url, violation) in [
        ("http://example.com/", PolicyViolation::Scheme),
        ("http://127.0.0.1/", PolicyViolation::Scheme),
        ("ftp://example.com/", PolicyViolation::Scheme),
        ("https://user@example.com/", PolicyViolation::UserInfo),
        ("https://:pass@example.com/", PolicyViolation::UserInfo),
        ("https://example.com:0/", PolicyViolation::Port),
    ] {
        assert_eq!(check(EgressPolicy::PublicOnly, url), Err(violation), "{url}");
    }
}

#[test]
fn forbidden_address_in_any_notation_is_rejected() {
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.０.０.１",
        "127。0。0。1",
        "①②⑦.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:1:2:3:4:80ff:fffe]",
        "10.0.0.1",
        "012.1",
        "0xa.0.0.1",
        "167772161",
        "192.168.1.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "0",
        "[::]",
        "255.255.255.255",
        "224.0.0.1",
        "100.64.0.1",
    ] {
        let url = format!("https://{host}/");
        assert_eq!(check(EgressPolicy::PublicOnly, &url), Err(PolicyViolation::Address), "{url}");
        let url = format!("https://{host}:8443/");
        assert_eq!(check(EgressPolicy::PublicOnly, &url), Err(PolicyViolation::Address), "{url}");
    }
}

#[test]
fn public_or_loopback_permits_loopback_besides() {
    for url in
        ["http://127.0.0.1:9000/", "http://localhost:9000/", "http://[::1]:9000/", "https://localhost/"]
    {
        assert_eq!(check(EgressPolicy::PublicOrLoopback, url), Ok(()), "{url}");
        assert!(check(EgressPolicy::PublicOnly, url).is_err() || url == "https://localhost/", "{url}");
    }
    for url in ["http://example.com/", "http://10.0.0.1/", "https://10.0.0.1/", "http://0.0.0.0:9000/"] {
        assert!(check(EgressPolicy::PublicOrLoopback, url).is_err(), "{url}");
    }
    let guard = Guard::with_runtime_api(EgressPolicy::PublicOrLoopback, None);
    let (loopback, global) = (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(8, 8, 8, 8).into());
    assert!(guard.allows(Some("localhost"), loopback) && !guard.allows(Some("localhost"), global));
    assert!(!guard.allows(Some("evil.example"), loopback) && guard.allows(Some("evil.example"), global));
}

#[test]
fn runtime_api_and_metadata_are_forbidden_by_every_policy() {
    for policy in [EgressPolicy::Trusted, EgressPolicy::PublicOrLoopback, EgressPolicy::PublicOnly] {
        for url in [
            "http://127.0.0.1:9001/",
            "http://localhost:9001/",
            "http://localhost.:9001/",
            "http://127.1:9001/",
            "http://127.0.0.2:9001/",
            "http://[::1]:9001/",
            "http://[::ffff:127.0.0.1]:9001/",
            "http://[::127.0.0.1]:9001/",
            "http://[64:ff9b::7f00:1]:9001/",
            "http://0.0.0.0:9001/",
            "http://[::]:9001/",
            "https://169.254.169.254/",
            "https://[fd00:ec2::254]/",
            "https://[::ffff:169.254.169.254]/",
            "https://169.254.170.2/v2/credentials",
        ] {
            assert!(check(policy, url).is_err(), "{policy:?} {url}");
        }
    }
    assert_eq!(check(EgressPolicy::Trusted, "http://127.0.0.1:7860/"), Ok(()));
    assert_eq!(check(EgressPolicy::Trusted, "http://10.1.2.3:7860/"), Ok(()));
    assert_eq!(check(EgressPolicy::Trusted, "http://user:pass@sd.internal/"), Ok(()));
    // A runtime API on another machine: all ports of that host are forbidden.
    for runtime in ["10.9.9.9:9001", "runtime.internal:9001"] {
        let guard = Guard::with_runtime_api(EgressPolicy::Trusted, Some(runtime));
        let host = runtime.split(':').next().unwrap();
        assert!(guard.check(&Url::parse(&format!("http://{host}:80/")).unwrap()).is_err(), "{runtime}");
    }
    let guard = Guard::with_runtime_api(EgressPolicy::Trusted, Some("10.9.9.9:9001"));
    assert!(!guard.allows(Some("sd.internal"), Ipv4Addr::new(10, 9, 9, 9).into()));
    for wrapped in ["::ffff:10.9.9.9", "64:ff9b::10.9.9.9", "2002:a09:909::1"] {
        assert!(!guard.allows(Some("sd.internal"), wrapped.parse().unwrap()), "{wrapped}");
        assert!(guard.check(&Url::parse(&format!("http://[{wrapped}]/")).unwrap()).is_err(), "{wrapped}");
    }
    assert!(guard.allows(Some("sd.internal"), Ipv4Addr::new(10, 9, 9, 8).into()));
}

proptest! {
    #[test]
    fn ipv4_in_any_notation_is_checked_by_its_value(bits: u32, notation in 0usize..6) {
        let address = Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = address.octets();
        let host = [
            format!("{bits}"),
            format!("{bits:#x}"),
            format!("0{bits:o}"),
            format!("{a:#x}.0{b:o}.{c}.{d:#x}"),
            format!("{a}.{}", bits & 0xff_ffff),
            format!("{a}.{b}.{}", bits & 0xffff),
        ][notation].clone();
        let outcome = check(EgressPolicy::PublicOnly, &format!("https://{host}/"));
        let global = address_scope(address.into()) == AddressScope::Global;
        prop_assert_eq!(outcome.is_ok(), global, "{} is {}", host, address);
    }

    #[test]
    fn ipv6_in_any_notation_is_checked_by_its_value(bits: u128, special: bool) {
        // Half of them in 2000::/3, the only block with global addresses.
        let bits = if special { bits } else { (bits >> 3) | (1 << 125) };
        let address = Ipv6Addr::from_bits(bits);
        let [a, b, c, d, e, f, g, h] = address.segments();
        let global = address_scope(address.into()) == AddressScope::Global;
        for host in [format!("[{address}]"), format!("[{a:04X}:{b:X}:{c:x}:{d:x}:{e:x}:{f:x}:{g:x}:{h:x}]")] {
            let outcome = check(EgressPolicy::PublicOnly, &format!("https://{host}:8443/x"));
            prop_assert_eq!(outcome.is_ok(), global, "{}", host);
        }
    }

    #[test]
    fn public_only_never_permits_http_or_userinfo(text in ".{0,60}") {
        for url in [Url::parse(&text), Url::parse(&format!("https://{text}"))].into_iter().flatten() {
            if Guard::with_runtime_api(EgressPolicy::PublicOnly, None).check(&url).is_ok() {
                prop_assert!(url.scheme() == "https" && url.username().is_empty() && url.password().is_none());
            }
        }
    }
}
