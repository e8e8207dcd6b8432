//! Decompresses bodies by their `Content-Encoding`.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use ureq::http::{HeaderMap, header};

/// The value of `Accept-Encoding`.
pub(super) const ACCEPTED: &str = "gzip";

/// Returns the decompressed body.
///
/// # Errors
/// The content encoding, if it is not one that the request accepts.
pub(super) fn decoded(
    headers: &HeaderMap,
    body: impl Read + 'static,
) -> Result<Box<dyn Read>, String> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let names: Vec<String> = values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty() && name != "identity")
        .collect();
    match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(Box::new(body)),
        // The second is the older name of the first (RFC 9110, 8.4.1.3).
        ["gzip" | "x-gzip"] => Ok(Box::new(MultiGzDecoder::new(body))),
        _ => Err(names.join(", ")),
    }
}
