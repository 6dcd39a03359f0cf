//! `Prefer: wait=N`: how many seconds a client wants its request held open (RFC 7240, section 4.3).

use std::time::Duration;

use http::{HeaderMap, HeaderName};

/// The maximum wait. A longer one is reduced to it.
pub const MAX_WAIT: Duration = Duration::from_secs(20);
/// The response header that names the preference that was applied.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Returns how long to wait. An invalid preference is ignored, as the RFC requires.
#[must_use]
pub fn wait(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|list| list.split(','));
    let seconds = preferences.find_map(|preference| {
        let (name, value) =
            preference.split_once(';').map_or(preference, |(first, _)| first).split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("wait") {
            return None;
        }
        value.trim().trim_matches('"').parse::<u64>().ok()
    })?;
    (seconds > 0).then(|| Duration::from_secs(seconds).min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(value: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", value.parse().unwrap());
        wait(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn wait_among_other_preferences_is_read_and_capped() {
        assert_eq!(seconds("wait=5"), Some(5));
        assert_eq!(seconds("respond-async, Wait = \"10\"; x=1"), Some(10));
        assert_eq!(seconds("wait=9999"), Some(20));
        for none in ["wait=0", "wait", "wait=-1", "wait=a", "wait=1.5", "await=5", ""] {
            assert_eq!(seconds(none), None, "{none}");
        }
    }
}
