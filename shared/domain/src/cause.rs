//! What caused an error: for the log only, never for a caller.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The cause of an error, with its own causes. As text it shows all of them, so it is a link of no further
/// chain: whoever logs an error logs each of its causes once.
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }

    /// Returns the cause of `what` failing: `error`.
    pub fn of(what: impl Into<String>, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Within { what: what.into(), source: error.into() })
    }

    /// Returns the error itself.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

#[derive(Debug)]
struct Within {
    what: String,
    source: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Within {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// Only the text: the `Debug` output of a vendor's error may hold a whole response.
impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cause({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    #[test]
    fn text_shows_each_cause_once_and_the_error_is_kept() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let cause = Cause::of("GetItem", Cause::of("no connection", refused).0.to_string());
        assert_eq!(cause.to_string(), "GetItem: no connection");
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let store = StoreError::Unavailable(Cause::of("GetItem", refused));
        assert_eq!(store.to_string(), "GetItem: connection refused");
        let error = crate::Error::from(store);
        let crate::Error::Unavailable { cause, .. } = &error else { panic!("{error}") };
        assert_eq!(cause.to_string(), "GetItem: connection refused");
        let kept = cause.error().downcast_ref::<StoreError>();
        let Some(StoreError::Unavailable(kept)) = kept else { panic!("{kept:?}") };
        let source = kept.error().source().and_then(|source| source.downcast_ref::<std::io::Error>());
        assert_eq!(source.map(std::io::Error::kind), Some(std::io::ErrorKind::ConnectionRefused));
    }
}
