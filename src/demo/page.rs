//! Pages with `limit` and `offset`, with links as in Django REST framework's `LimitOffsetPagination`.
//!
//! One difference is intended: a list may limit its page size, even the default, so that the sample's few rows take
//! several pages.

use serde::Serialize;

use super::http::Request;

/// The page size of a request without a valid `limit`.
const DEFAULT_LIMIT: usize = 100;

/// The envelope around the rows of one page.
#[derive(Serialize)]
pub(super) struct Page<T> {
    /// The length of the whole list.
    count: usize,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<T>,
}

impl<T> Page<T> {
    /// Returns the requested page of a list, with at most `cap` rows.
    pub(super) fn cut(rows: Vec<T>, cap: usize, request: &Request) -> Self {
        let query = Query::parse(&request.query);
        let limit = query.number("limit").filter(|limit| *limit > 0);
        let limit = limit.unwrap_or(DEFAULT_LIMIT).min(cap);
        let offset = query.number("offset").unwrap_or(0);

        let count = rows.len();
        let end = offset.saturating_add(limit);
        let url = |offset| {
            let (host, path) = (&request.host, &request.path);
            format!("http://{host}{path}?{}", query.at(limit, offset))
        };
        Self {
            count,
            next: (end < count).then(|| url(end)),
            previous: (offset > 0).then(|| url(offset.saturating_sub(limit))),
            results: rows.into_iter().skip(offset).take(limit).collect(),
        }
    }
}

/// The parameters of a request in their order, still percent-encoded, since links repeat them as they are.
pub(super) struct Query<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Query<'a> {
    /// Parses the text after the question mark.
    pub(super) fn parse(text: &'a str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Query(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .collect(),
        )
    }

    /// Returns the value of a parameter; of several, the last, as in Django.
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        let mut named = self.0.iter().rev().filter(|(key, _)| *key == name);
        named.next().map(|(_, value)| *value)
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.value(name)?.parse().ok()
    }

    /// Returns the same parameters for another page, sorted by name. The offset is left out for the first page.
    fn at(&self, limit: usize, offset: usize) -> String {
        let limit = limit.to_string();
        let offset = (offset > 0).then(|| offset.to_string());

        let kept = self.0.iter().copied();
        let mut pairs: Vec<(&str, &str)> = kept
            .filter(|(name, _)| !["limit", "offset"].contains(name))
            .collect();
        pairs.push(("limit", &limit));
        pairs.extend(offset.as_deref().map(|offset| ("offset", offset)));
        pairs.sort_by_key(|(name, _)| *name);
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("&")
    }
}
