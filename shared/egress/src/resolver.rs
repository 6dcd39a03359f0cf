//! From a host name to the addresses that may be connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::guard::{Guard, PolicyViolation};

#[async_trait]
pub trait Resolver: Send + Sync {
    /// Returns all addresses of `name`, in the order in which to try them.
    ///
    /// # Errors
    ///
    /// If the name has no address, or the lookup fails.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Resolves names through the operating system.
#[derive(Debug)]
pub(crate) struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Hands only permitted addresses to the connector.
pub(crate) struct GuardedResolver {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) guard: Arc<Guard>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, guard) = (Arc::clone(&self.resolver), Arc::clone(&self.guard));
        Box::pin(async move {
            let mut addresses = resolver.resolve(name.as_str()).await?;
            // The permitted addresses are used even if others are forbidden: connecting to them is safe,
            // and many names have an additional IPv6 address that works only inside their own network.
            addresses.retain(|address| guard.allows(Some(name.as_str()), *address));
            if addresses.is_empty() {
                return Err(PolicyViolation::Address.into());
            }
            // The connector replaces port 0 with the port of the URL.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}
