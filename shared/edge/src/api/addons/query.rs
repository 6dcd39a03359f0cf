//! The queries of the paths below `/addons`.

use addons::pattern::canonical_host;
use addons::range::VersionRange;
use domain::addons::{AddonStatus, AddonType};
use domain::primitives::NamedValue;
use domain::{Error, FieldError};

/// The default number of addons of a page.
const DEFAULT_PAGE_SIZE: usize = 20;
/// The maximum number of addons of a page.
pub const PAGE_SIZE_LIMIT: usize = 100;
/// The maximum number of a page.
pub const PAGE_LIMIT: usize = 1_000_000;
/// The maximum length of a range, in bytes.
pub const RANGE_LIMIT: usize = 256;

/// The query of `GET /addons`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    pub status: Option<AddonStatus>,
    pub kind: Option<AddonType>,
    /// In canonical form.
    pub domain: Option<String>,
    /// From 1.
    pub page: usize,
    pub page_size: usize,
}

/// Parses the query of `GET /addons`.
///
/// # Errors
///
/// [`Error::Invalid`] with all field errors.
pub fn parse_list<'a>(parameter: impl Fn(&str) -> Option<&'a str>) -> Result<ListQuery, Error> {
    let mut faults = Vec::new();
    let status = named("status", parameter("status"), &mut faults);
    let kind = named("type", parameter("type"), &mut faults);
    let domain = parameter("domain").and_then(|text| host("domain", text, &mut faults));
    let mut number = |name: &str, default, max: usize| {
        let Some(text) = parameter(name) else { return default };
        // Digits alone: Rust reads a sign too.
        let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|text| text.parse().ok()).filter(|number| (1..=max).contains(number));
        number.unwrap_or_else(|| {
            faults.push(FieldError::new(name, format!("must be a whole number from 1 to {max}")));
            default
        })
    };
    let page = number("page", 1, PAGE_LIMIT);
    let page_size = number("pageSize", DEFAULT_PAGE_SIZE, PAGE_SIZE_LIMIT);
    if faults.is_empty() {
        Ok(ListQuery { status, kind, domain, page, page_size })
    } else {
        Err(Error::Invalid(faults))
    }
}

fn named<T: NamedValue>(name: &str, text: Option<&str>, faults: &mut Vec<FieldError>) -> Option<T> {
    let text = text?;
    let value = T::from_name(text);
    if value.is_none() {
        faults.push(FieldError::new(name, format!("must be one of {}", T::names())));
    }
    value
}

fn host(name: &str, text: &str, faults: &mut Vec<FieldError>) -> Option<String> {
    let host = parse_host(text);
    if host.is_none() {
        faults.push(FieldError::new(name, "must be a domain like example.com, or an IP address"));
    }
    host
}

/// Returns the canonical form of a domain; `None` if it is none.
#[must_use]
pub fn parse_host(text: &str) -> Option<String> {
    // The parser of hosts decodes percent signs, takes an asterisk or a comma for a letter, and lets labels be empty.
    let is_name = |host: &str| {
        let mut labels = host.split('.');
        labels.all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
    };
    let is_host = |host: &String| host.len() <= 253 && (host.starts_with('[') || is_name(host));
    canonical_host(text).ok().filter(is_host).filter(|_| !text.contains('%'))
}

/// Parses the `version` of a query: `None` for the newest.
///
/// # Errors
///
/// [`Error::InvalidVersion`].
pub fn parse_version(text: Option<&str>) -> Result<Option<VersionRange>, Error> {
    let Some(text) = text.filter(|text| *text != "latest") else { return Ok(None) };
    let range = if text.len() > RANGE_LIMIT {
        Err(format!("must have at most {RANGE_LIMIT} characters"))
    } else {
        text.parse().map_err(|error: addons::range::VersionError| error.to_string())
    };
    range.map(Some).map_err(|message| Error::InvalidVersion(vec![FieldError::new("version", message)]))
}

/// Parses a query parameter that is `true` or `false`.
///
/// # Errors
///
/// [`Error::Invalid`].
pub fn parse_flag(name: &str, text: Option<&str>, default: bool) -> Result<bool, Error> {
    match text {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(Error::Invalid(vec![FieldError::new(name, "must be true or false")])),
    }
}

/// Parses the domain in a path.
///
/// # Errors
///
/// [`Error::Invalid`].
pub fn parse_domain(name: &str, text: &str) -> Result<String, Error> {
    parse_host(text).ok_or_else(|| {
        Error::Invalid(vec![FieldError::new(name, "must be a domain like example.com, or an IP address")])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(query: &[(&str, &'static str)]) -> Result<ListQuery, Error> {
        parse_list(|name| query.iter().find(|(own, _)| *own == name).map(|(_, value)| *value))
    }

    #[test]
    fn list_has_defaults_and_names_every_fault() {
        let all = ListQuery { status: None, kind: None, domain: None, page: 1, page_size: 20 };
        assert_eq!(list(&[]).unwrap(), all);
        let some =
            list(&[("status", "beta"), ("type", "style_sheet"), ("domain", "EXAMPLE.com."), ("page", "2")]);
        let some = some.unwrap();
        assert_eq!((some.status, some.kind), (Some(AddonStatus::Beta), Some(AddonType::StyleSheet)));
        assert_eq!((some.domain.as_deref(), some.page), (Some("example.com"), 2));
        let bad = [("status", "on"), ("type", "x"), ("domain", "a b"), ("page", "0"), ("pageSize", "101")];
        let Err(Error::Invalid(faults)) = list(&bad) else { panic!("no faults") };
        let paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, ["status", "type", "domain", "page", "pageSize"]);
        for number in ["", "-1", "+1", "1.0", "x", "99999999999999999999"] {
            assert!(list(&[("page", number)]).is_err(), "{number}");
        }
    }

    #[test]
    fn host_is_the_canonical_form_of_one_spelling() {
        for (text, host) in [
            ("Example.COM.", "example.com"),
            ("b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("a_b.example", "a_b.example"),
            ("10.1", "10.0.0.1"),
            ("[::0001]", "[::1]"),
        ] {
            assert_eq!(parse_host(text).as_deref(), Some(host), "{text}");
        }
        let long = format!("{}.example", "a.".repeat(130));
        for text in [
            "",
            ".",
            ".a.example",
            "a..example",
            "a%2eexample",
            "a,b.example",
            "*.a.example",
            "a b",
            "a/b",
            "[::1",
            &long,
        ] {
            assert_eq!(parse_host(text), None, "{text}");
        }
    }

    #[test]
    fn version_is_a_range_of_npm() {
        assert_eq!(parse_version(None).unwrap(), None);
        assert_eq!(parse_version(Some("latest")).unwrap(), None);
        for range in ["1.2.3", "^1.2", "1.x", ">=1.2 <2 || 3", "*"] {
            assert_eq!(parse_version(Some(range)).unwrap().unwrap().as_str(), range);
        }
        for bad in ["newest", "1.2.3.4", ">1,<2", &"1 || ".repeat(100)] {
            assert!(matches!(parse_version(Some(bad)), Err(Error::InvalidVersion(_))), "{bad}");
        }
    }

    #[test]
    fn domain_is_a_host_and_nothing_else() {
        for (text, host) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("münchen.example", "xn--mnchen-3ya.example"),
            ("127.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(parse_domain("domain", text).unwrap(), host);
        }
        for bad in ["", ".", "a b", "example.com:80", "https://example.com", "*.example.com", "a/b", "::1"] {
            assert!(parse_domain("domain", bad).is_err(), "{bad}");
        }
        assert!(parse_flag("minified", Some("no"), true).is_err());
        assert!(!parse_flag("minified", Some("false"), true).unwrap());
    }
}
