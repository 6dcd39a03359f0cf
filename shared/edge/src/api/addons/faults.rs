//! Collects the faults that several parsers find, so that one response names them all.

use domain::{Error, FieldError};

/// The faults found so far.
#[derive(Debug, Default)]
pub struct Faults {
    faults: Vec<FieldError>,
    /// How many of them are of versions and ranges, which have a code of their own if there is nothing else.
    of_versions: usize,
    /// An error that is no fault of a field.
    other: Option<Error>,
}

impl Faults {
    /// Returns what was parsed, or keeps its faults.
    pub fn take<T>(&mut self, parsed: Result<T, Error>) -> Option<T> {
        match parsed {
            Ok(value) => return Some(value),
            Err(Error::Invalid(faults)) => self.faults.extend(faults),
            Err(Error::InvalidVersion(faults)) => {
                self.of_versions += faults.len();
                self.faults.extend(faults);
            }
            Err(other) => _ = self.other.get_or_insert(other),
        }
        None
    }

    /// Adds faults.
    pub fn extend(&mut self, faults: impl IntoIterator<Item = FieldError>) {
        self.faults.extend(faults);
    }

    /// Fails if there was any.
    ///
    /// # Errors
    ///
    /// The first error that is no fault of a field; [`Error::InvalidVersion`] if all faults are of versions, and else
    /// [`Error::Invalid`].
    pub fn finish(self) -> Result<(), Error> {
        match self.other {
            Some(other) => Err(other),
            None if self.faults.is_empty() => Ok(()),
            None if self.faults.len() == self.of_versions => Err(Error::InvalidVersion(self.faults)),
            None => Err(Error::Invalid(self.faults)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_versions_alone_have_a_code_of_their_own() {
        let fault = |path: &str| vec![FieldError::new(path, "m")];
        let collect = |errors: Vec<Error>| {
            let mut faults = Faults::default();
            for error in errors {
                assert_eq!(faults.take::<()>(Err(error)), None);
            }
            faults.finish()
        };
        assert!(collect(Vec::new()).is_ok());
        assert!(matches!(
            collect(vec![Error::InvalidVersion(fault("a")), Error::InvalidVersion(fault("b"))]),
            Err(Error::InvalidVersion(all)) if all.len() == 2
        ));
        assert!(matches!(
            collect(vec![Error::InvalidVersion(fault("a")), Error::Invalid(fault("b"))]),
            Err(Error::Invalid(all)) if all.len() == 2
        ));
        let large = Error::TooLarge { limit: 1 };
        assert!(matches!(collect(vec![Error::Invalid(fault("a")), large]), Err(Error::TooLarge { .. })));
        assert_eq!(Faults::default().take(Ok(7)), Some(7));
    }
}
