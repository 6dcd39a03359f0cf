//! Which URLs and which addresses a client may go to.

use std::net::IpAddr;

use domain::primitives::{Standing, standing, unwrapped};
use url::{Host, Url};

/// How far a client may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Where the operator has pointed it to: any network, plain `http:` too.
    Configured,
    /// A stranger's URL: `https:`, and global addresses only.
    Public,
    /// The same on a developer's machine: `http:` and `https:` to its own loopback besides.
    Local,
}

/// Why a URL is not gone to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not `https:`.
    #[error("only https is allowed")]
    Scheme,
    /// With a user or a password in it.
    #[error("a user and password in the URL are not allowed")]
    User,
    /// Without a host.
    #[error("the URL names no host")]
    Host,
    /// To port 0.
    #[error("the port is not allowed")]
    Port,
    /// To an address that is not global, or to a name that has no other.
    #[error("the address is not allowed")]
    Address,
}

/// Where the Lambda runtime listens: who reaches it can answer for the function.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Runtime {
    host: String,
    port: u16,
}

impl Runtime {
    /// From `host:port`, as Lambda writes it.
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(&format!("http://{text}")).ok()?;
        Some(Self { host: bare(url.host_str()?).to_owned(), port: url.port_or_known_default()? })
    }

    fn address(&self) -> Option<IpAddr> {
        self.host.trim_matches(['[', ']']).parse().ok()
    }

    fn on_loopback(&self) -> bool {
        self.host == LOCALHOST || self.address().is_some_and(is_here)
    }
}

const LOCALHOST: &str = "localhost";

/// A name without the dot that may end it.
fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// Whether connecting to the address connects to this machine.
fn is_here(address: IpAddr) -> bool {
    let address = unwrapped(address);
    standing(address) == Standing::Loopback || address.is_unspecified()
}

/// What a client checks.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    reach: Reach,
    runtime: Option<Runtime>,
    /// Whether names are for URLs with the runtime's port, so that they must not lead to this machine.
    at_runtimes_port: bool,
}

impl Guard {
    pub(crate) fn new(reach: Reach) -> Self {
        let runtime = std::env::var("AWS_LAMBDA_RUNTIME_API").ok();
        Self::beside(reach, runtime.as_deref())
    }

    fn beside(reach: Reach, runtime: Option<&str>) -> Self {
        Self { reach, runtime: runtime.and_then(Runtime::parse), at_runtimes_port: false }
    }

    /// What names are to be checked by in URLs with the runtime's port, if that makes a difference: who is
    /// asked for a name's addresses is not told the port.
    pub(crate) fn at_runtimes_port(&self) -> Option<Self> {
        let here = self.runtime.as_ref().is_some_and(Runtime::on_loopback);
        here.then(|| Self { at_runtimes_port: true, ..self.clone() })
    }

    /// Whether the URL has the runtime's port.
    pub(crate) fn has_runtimes_port(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        self.runtime.as_ref().is_some_and(|runtime| port == Some(runtime.port))
    }

    /// Checks all of a URL that can be checked before its name is resolved.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Refused> {
        let stranger = self.reach != Reach::Configured;
        let host = url.host().ok_or(Refused::Host)?;
        let here = match host {
            Host::Domain(name) => name == LOCALHOST,
            Host::Ipv4(address) => is_here(address.into()),
            Host::Ipv6(address) => is_here(address.into()),
        };
        match (url.scheme(), self.reach) {
            ("https", _) | ("http", Reach::Configured) => {}
            ("http", Reach::Local) if here => {}
            _ => return Err(Refused::Scheme),
        }
        if stranger && !(url.username().is_empty() && url.password().is_none()) {
            return Err(Refused::User);
        }
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(Refused::Port)?;
        if self.is_runtime(&host, port) {
            return Err(Refused::Address);
        }
        let allowed = match host {
            // What it resolves to is checked when it does.
            Host::Domain(_) => true,
            Host::Ipv4(address) => self.allows(None, address.into()),
            Host::Ipv6(address) => self.allows(None, address.into()),
        };
        if allowed { Ok(()) } else { Err(Refused::Address) }
    }

    /// Whether the host is the runtime's, or this machine and the port the runtime's. Other names for this
    /// machine are known when they are resolved.
    fn is_runtime(&self, host: &Host<&str>, port: u16) -> bool {
        let Some(runtime) = &self.runtime else { return false };
        let (same, here) = match host {
            Host::Domain(name) => (bare(name) == runtime.host, bare(name) == LOCALHOST),
            Host::Ipv4(address) => (self.is_runtimes_own((*address).into()), is_here((*address).into())),
            Host::Ipv6(address) => (self.is_runtimes_own((*address).into()), is_here((*address).into())),
        };
        same && (port == runtime.port || !runtime.on_loopback())
            || here && runtime.on_loopback() && port == runtime.port
    }

    /// Whether `address`, to which `name` resolves if it is not written out, may be connected to.
    pub(crate) fn allows(&self, name: Option<&str>, address: IpAddr) -> bool {
        let standing = standing(address);
        if standing == Standing::Never
            || self.is_runtimes_own(address)
            || self.at_runtimes_port && is_here(address)
        {
            return false;
        }
        match self.reach {
            Reach::Configured => true,
            Reach::Public => standing == Standing::Global,
            // A stranger's name for this machine's loopback is refused here too: only who writes it
            // out, as a developer does, means it.
            Reach::Local => match name {
                Some(LOCALHOST) => standing == Standing::Loopback,
                Some(_) => standing == Standing::Global,
                None => standing == Standing::Global || standing == Standing::Loopback,
            },
        }
    }

    /// Whether all of this address is the runtime's; of loopback only one port is.
    fn is_runtimes_own(&self, address: IpAddr) -> bool {
        self.runtime.as_ref().is_some_and(|runtime| {
            !runtime.on_loopback() && runtime.address().map(unwrapped) == Some(unwrapped(address))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn check(reach: Reach, url: &str) -> Result<(), Refused> {
        Guard::beside(reach, Some("127.0.0.1:9001")).check(&Url::parse(url).unwrap())
    }

    #[test]
    fn strangers_get_https_to_global_addresses_only() {
        for good in [
            "https://example.com/hook",
            "https://example.com:8443/",
            "https://8.8.8.8/",
            "https://[2606:4700:4700::1111]/",
            "https://bücher.example/",
        ] {
            assert_eq!(check(Reach::Public, good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("http://example.com/", Refused::Scheme),
            ("http://127.0.0.1/", Refused::Scheme),
            ("ftp://example.com/", Refused::Scheme),
            ("https://user@example.com/", Refused::User),
            ("https://:pass@example.com/", Refused::User),
            ("https://example.com:0/", Refused::Port),
        ] {
            assert_eq!(check(Reach::Public, bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn no_spelling_of_a_forbidden_address_passes() {
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
            assert_eq!(check(Reach::Public, &url), Err(Refused::Address), "{url}");
            let url = format!("https://{host}:8443/");
            assert_eq!(check(Reach::Public, &url), Err(Refused::Address), "{url}");
        }
    }

    #[test]
    fn a_developers_machine_may_be_told_to_call_itself() {
        for url in
            ["http://127.0.0.1:9000/", "http://localhost:9000/", "http://[::1]:9000/", "https://localhost/"]
        {
            assert_eq!(check(Reach::Local, url), Ok(()), "{url}");
            assert!(check(Reach::Public, url).is_err() || url == "https://localhost/", "{url}");
        }
        for url in ["http://example.com/", "http://10.0.0.1/", "https://10.0.0.1/", "http://0.0.0.0:9000/"] {
            assert!(check(Reach::Local, url).is_err(), "{url}");
        }
        let guard = Guard::beside(Reach::Local, None);
        let (here, there) = (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(8, 8, 8, 8).into());
        assert!(guard.allows(Some("localhost"), here) && !guard.allows(Some("localhost"), there));
        assert!(!guard.allows(Some("evil.example"), here) && guard.allows(Some("evil.example"), there));
    }

    #[test]
    fn the_runtime_and_the_metadata_are_refused_whatever_the_settings() {
        for reach in [Reach::Configured, Reach::Local, Reach::Public] {
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
                assert!(check(reach, url).is_err(), "{reach:?} {url}");
            }
        }
        assert_eq!(check(Reach::Configured, "http://127.0.0.1:7860/"), Ok(()));
        assert_eq!(check(Reach::Configured, "http://10.1.2.3:7860/"), Ok(()));
        assert_eq!(check(Reach::Configured, "http://user:pass@sd.internal/"), Ok(()));
        // The runtime may be elsewhere: then that whole host is its own.
        for runtime in ["10.9.9.9:9001", "runtime.internal:9001"] {
            let guard = Guard::beside(Reach::Configured, Some(runtime));
            let host = runtime.split(':').next().unwrap();
            assert!(guard.check(&Url::parse(&format!("http://{host}:80/")).unwrap()).is_err(), "{runtime}");
        }
        let guard = Guard::beside(Reach::Configured, Some("10.9.9.9:9001"));
        assert!(!guard.allows(Some("sd.internal"), Ipv4Addr::new(10, 9, 9, 9).into()));
        for wrapped in ["::ffff:10.9.9.9", "64:ff9b::10.9.9.9", "2002:a09:909::1"] {
            assert!(!guard.allows(Some("sd.internal"), wrapped.parse().unwrap()), "{wrapped}");
            assert!(guard.check(&Url::parse(&format!("http://[{wrapped}]/")).unwrap()).is_err(), "{wrapped}");
        }
        assert!(guard.allows(Some("sd.internal"), Ipv4Addr::new(10, 9, 9, 8).into()));
    }

    proptest! {
        #[test]
        fn every_spelling_of_an_ipv4_address_is_judged_by_what_it_means(bits: u32, spelling in 0usize..6) {
            let address = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = address.octets();
            let host = [
                format!("{bits}"),
                format!("{bits:#x}"),
                format!("0{bits:o}"),
                format!("{a:#x}.0{b:o}.{c}.{d:#x}"),
                format!("{a}.{}", bits & 0xff_ffff),
                format!("{a}.{b}.{}", bits & 0xffff),
            ][spelling].clone();
            let outcome = check(Reach::Public, &format!("https://{host}/"));
            let global = standing(address.into()) == Standing::Global;
            prop_assert_eq!(outcome.is_ok(), global, "{} is {}", host, address);
        }

        #[test]
        fn every_spelling_of_an_ipv6_address_is_judged_by_what_it_means(bits: u128, special: bool) {
            // Half of them in the one block in which some are global.
            let bits = if special { bits } else { (bits >> 3) | (1 << 125) };
            let address = Ipv6Addr::from_bits(bits);
            let [a, b, c, d, e, f, g, h] = address.segments();
            let global = standing(address.into()) == Standing::Global;
            for host in [format!("[{address}]"), format!("[{a:04X}:{b:X}:{c:x}:{d:x}:{e:x}:{f:x}:{g:x}:{h:x}]")] {
                let outcome = check(Reach::Public, &format!("https://{host}:8443/x"));
                prop_assert_eq!(outcome.is_ok(), global, "{}", host);
            }
        }

        #[test]
        fn whatever_a_url_says_a_stranger_gets_https_without_a_user(text in ".{0,60}") {
            for url in [Url::parse(&text), Url::parse(&format!("https://{text}"))].into_iter().flatten() {
                if Guard::beside(Reach::Public, None).check(&url).is_ok() {
                    prop_assert!(url.scheme() == "https" && url.username().is_empty() && url.password().is_none());
                }
            }
        }
    }
}
