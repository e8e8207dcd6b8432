//! Compares what people write differently: the case of an address, the width and spaces of a name, the form of a domain.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfc();
const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfkc();

/// Returns a text in the form in which addresses are compared: composed and case-folded, without white space around it.
pub fn folded(text: &str) -> String {
    let folded = CaseMapper::new().fold_string(text.trim());
    NFC.normalize(&folded).into_owned()
}

/// Returns an e-mail address in the form in which addresses are compared: folded, the domain in its ASCII form.
pub fn folded_address(address: &str) -> String {
    let folded = folded(address);
    match folded.rsplit_once('@') {
        Some((local, domain)) => match ascii_domain(domain) {
            Some(domain) => format!("{local}@{domain}"),
            None => folded,
        },
        None => folded,
    }
}

/// Returns the domain of an e-mail address in ASCII form; `None` if the text is not an address, or its domain is not one.
pub fn domain_of(address: &str) -> Option<String> {
    let (local, domain) = address.trim().rsplit_once('@')?;
    (!local.is_empty()).then(|| ascii_domain(domain)).flatten()
}

/// Returns a domain in ASCII form and lower case; `None` if it is not a domain.
pub fn ascii_domain(domain: &str) -> Option<String> {
    let domain = domain.trim().trim_end_matches('.');
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::URL).ok()?;
    (!ascii.is_empty()).then(|| ascii.into_owned())
}

/// Returns a name in the form in which names look alike: without differences in case, width and spaces.
pub fn looks_like(name: &str) -> String {
    let normalized = NFKC.normalize(name);
    let folded = CaseMapper::new().fold_string(&normalized).into_owned();
    // Folding may leave what NFKC would compose.
    let folded = NFKC.normalize(&folded);
    folded.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_case_and_in_one_form_of_the_domain() {
        for (a, b) in [
            ("Ann@Example.com", "ann@example.COM"),
            (" ann@example.com ", "ann@example.com"),
            ("straße@example.com", "STRASSE@example.com"),
            ("ann@bücher.example", "ann@xn--bcher-kva.example"),
            ("ann@BÜCHER.example", "ann@bu\u{308}cher.example"),
            ("le\u{301}a@example.com", "l\u{e9}a@example.com"),
            ("ann@example.com.", "ann@example.com"),
        ] {
            assert_eq!(folded_address(a), folded_address(b), "{a} {b}");
        }
        assert_ne!(folded_address("ann@a.com"), folded_address("ann@b.com"));
        assert_eq!(folded_address("Not an address"), "not an address");
    }

    #[test]
    fn domain_of_an_address_is_its_ascii_form() {
        for (address, domain) in [
            ("a@Example.com", Some("example.com")),
            ("a@b@Example.com", Some("example.com")),
            ("a@bücher.example", Some("xn--bcher-kva.example")),
            ("a@", None),
            ("@example.com", None),
            ("a", None),
            ("a@exa mple.com", None),
        ] {
            assert_eq!(domain_of(address).as_deref(), domain, "{address}");
        }
    }

    #[test]
    fn names_look_alike_without_case_width_and_spaces() {
        for (a, b) in [
            ("Analytics", "analytics"),
            ("Flag  approvers", "flagapprovers\u{a0}"),
            ("ＡＤＭＩＮ", "admin"),
            ("Straße", "STRASSE"),
            ("Cafe\u{301}", "CAFÉ"),
        ] {
            assert_eq!(looks_like(a), looks_like(b), "{a} {b}");
        }
        assert_ne!(looks_like("Admin"), looks_like("Admins"));
    }
}
