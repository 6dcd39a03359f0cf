//! The choice of a content coding by `Accept-Encoding` (RFC 9110, section 12.5.3).

use http::{HeaderMap, header};

/// A coding in which a representation is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    Brotli,
    Gzip,
    Identity,
}

impl Coding {
    /// In the order in which they are preferred: the smallest first.
    const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Identity];

    /// The name in `Content-Encoding`. A representation without a coding has no such header.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    fn is_named(self, name: &str) -> bool {
        match self {
            Self::Brotli => name.eq_ignore_ascii_case("br"),
            Self::Gzip => name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip"),
            Self::Identity => name.eq_ignore_ascii_case("identity"),
        }
    }

    /// Returns the coding with the highest quality that the client accepts, of `available` and none at all; among
    /// those of the same quality, the smallest. A client that accepts none of them gets the plain bytes, as a 406
    /// would help nobody.
    #[must_use]
    pub fn choose(headers: &HeaderMap, available: &[Self]) -> Self {
        let mut values = headers.get_all(header::ACCEPT_ENCODING).iter().peekable();
        if values.peek().is_none() {
            // Any coding is allowed, but such a client may be able to read none.
            return Self::Identity;
        }
        let accepted: Vec<(&str, f32)> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(accepted)
            .collect();
        let quality = |coding: Self| {
            let of = |wanted: &dyn Fn(&str) -> bool| {
                accepted.iter().find(|(name, _)| wanted(name)).map(|(_, q)| *q)
            };
            let named = of(&|name| coding.is_named(name)).or_else(|| of(&|name| name == "*"));
            // The plain bytes are acceptable unless they are excluded, but whatever is named comes before them.
            named.unwrap_or(if coding == Self::Identity { f32::MIN_POSITIVE } else { 0.0 })
        };
        let choices =
            Self::ALL.into_iter().filter(|coding| *coding == Self::Identity || available.contains(coding));
        let mut best = (Self::Identity, 0.0);
        for coding in choices {
            let quality = quality(coding);
            if quality > best.1 {
                best = (coding, quality);
            }
        }
        best.0
    }
}

/// Reads `gzip;q=0.5`. A quality that is none is read as 1, as if it were not given.
fn accepted(item: &str) -> Option<(&str, f32)> {
    let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
    let quality = parameters.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok()).flatten()
    });
    let quality = quality.filter(|quality| (0.0..=1.0).contains(quality)).unwrap_or(1.0);
    Some((name.trim(), quality)).filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(values: &[&str], available: &[Coding]) -> Coding {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT_ENCODING, value.parse().unwrap());
        }
        Coding::choose(&headers, available)
    }

    #[test]
    fn coding_of_the_highest_quality_is_chosen_and_the_smallest_of_equals() {
        use Coding::{Brotli, Gzip, Identity};
        for (value, expected) in [
            ("gzip, deflate, br, zstd", Brotli),
            ("br;q=0.5, gzip", Gzip),
            ("br;q=1.0, gzip;q=1.0", Brotli),
            ("gzip", Gzip),
            ("GZIP ; Q=0.1", Gzip),
            ("x-gzip", Gzip),
            ("*", Brotli),
            ("*;q=0.5, br;q=0", Gzip),
            ("br;q=0, gzip;q=0.000", Identity),
            ("identity", Identity),
            ("identity;q=0.5, gzip;q=0.4", Identity),
            ("identity;q=0.5, gzip;q=0.6", Gzip),
            ("identity;q=0, gzip;q=0.1", Gzip),
            ("gzip;q=0.001", Gzip),
            ("deflate", Identity),
            ("", Identity),
            ("*;q=0", Identity),
            ("gzip;q=2", Gzip),
            ("gzip;q=abc", Gzip),
            ("gzip;level=9;q=0", Identity),
            (",,gzip,,", Gzip),
            ("gzip;q=NaN, br", Brotli),
        ] {
            assert_eq!(chosen(&[value], &[Brotli, Gzip]), expected, "{value}");
        }
        assert_eq!(chosen(&[], &[Brotli, Gzip]), Identity, "a client that says nothing");
        assert_eq!(chosen(&["deflate", "gzip"], &[Brotli, Gzip]), Gzip, "two headers are one list");
        assert_eq!(chosen(&["br, gzip;q=0.2"], &[Gzip]), Gzip, "only what is stored");
        assert_eq!(chosen(&["br"], &[]), Identity);
    }
}
