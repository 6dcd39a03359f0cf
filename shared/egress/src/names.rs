//! From a name to the addresses that may be connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::guard::{Guard, Refused};

/// Says which addresses a name has.
#[async_trait]
pub trait Names: Send + Sync {
    /// All addresses of `name`, in the order in which to try them.
    ///
    /// # Errors
    ///
    /// If it has none, or nobody knows.
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The names that the system knows.
#[derive(Debug)]
pub(crate) struct SystemNames;

#[async_trait]
impl Names for SystemNames {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Gives a connector permitted addresses only.
pub(crate) struct GuardedNames {
    pub(crate) names: Arc<dyn Names>,
    pub(crate) guard: Arc<Guard>,
}

impl Resolve for GuardedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, guard) = (Arc::clone(&self.names), Arc::clone(&self.guard));
        Box::pin(async move {
            let mut found = names.addresses(name.as_str()).await?;
            // The others are used all the same: connecting to them harms nobody, and many a name has an
            // IPv6 address that is of use only in its own house.
            found.retain(|address| guard.allows(Some(name.as_str()), *address));
            if found.is_empty() {
                return Err(Refused::Address.into());
            }
            // The connector puts the URL's port in place of 0.
            let found: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(found)
        })
    }
}
