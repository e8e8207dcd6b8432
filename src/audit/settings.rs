//! Thresholds, severities and acceptances: the rules file, in TOML.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use super::rules::RULES;
use crate::model::{
    Acceptance, BadPlace, Finding, RuleCode, Severity, Text, Timestamp, ascii_domain, is_harmful,
};

/// How rules judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many days without a login make somebody dormant.
    pub dormant_days: u32,
    /// How many days an invitation may be listed.
    pub invitation_days: u32,
    /// How many owners there may be.
    pub max_owners: u32,
    /// The organization's domains in ASCII form; if empty, the verified ones count.
    pub domains: Vec<String>,
    /// Findings to accept, in the order of the file.
    pub accept: Vec<Acceptable>,
    /// Severities that differ from the default; `None` is off.
    severities: BTreeMap<RuleCode, Option<Severity>>,
}

/// Findings to accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptable {
    /// Their rule.
    pub code: RuleCode,
    /// The id or e-mail address of their subject; `None` for all.
    pub subject: Option<String>,
    /// Why, and until when.
    pub acceptance: Arc<Acceptance>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dormant_days: 90,
            invitation_days: 14,
            max_owners: 3,
            domains: Vec::new(),
            accept: Vec::new(),
            severities: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Reads a rules file.
    ///
    /// # Errors
    /// With the place, for text that is not TOML, unknown keys, codes and severities, and acceptances without a reason.
    pub fn parse(text: &str) -> Result<Self, BadPlace> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let bad = |at: usize, problem: String| {
            let before = text.get(..at).unwrap_or_default();
            let line = before.matches('\n').count() as u64 + 1;
            let start = before.rfind('\n').map_or(0, |at| at + 1);
            let column = before[start..].chars().count() as u64 + 1;
            BadPlace::new(line, column, problem)
        };
        let file: RulesFile = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            bad(at, error.message().trim().replace('\n', "; "))
        })?;
        let domain = |name: toml::Spanned<String>| {
            let at = name.span().start;
            own_domain(name.get_ref()).map_err(|problem| bad(at, problem))
        };
        let defaults = Self::default();
        Ok(Self {
            dormant_days: file.dormant_days.unwrap_or(defaults.dormant_days),
            invitation_days: file.invitation_days.unwrap_or(defaults.invitation_days),
            max_owners: file.max_owners.unwrap_or(defaults.max_owners),
            domains: file
                .domains
                .into_iter()
                .map(domain)
                .collect::<Result<_, _>>()?,
            accept: file
                .accept
                .into_iter()
                .map(AcceptEntry::into_acceptable)
                .collect(),
            severities: file
                .rules
                .into_iter()
                .map(|(code, level)| (code.0, level.severity()))
                .collect(),
        })
    }

    /// Returns the severity of a rule; `None` if it is off.
    pub fn severity(&self, code: RuleCode) -> Option<Severity> {
        let default = RULES.iter().find(|rule| rule.code == code);
        let default = default.map(|rule| rule.severity);
        self.severities.get(&code).copied().unwrap_or(default)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    dormant_days: Option<u32>,
    invitation_days: Option<u32>,
    max_owners: Option<u32>,
    #[serde(default)]
    domains: Vec<toml::Spanned<String>>,
    #[serde(default)]
    rules: BTreeMap<Code, Level>,
    #[serde(default)]
    accept: Vec<AcceptEntry>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Code(RuleCode);

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Off,
    Low,
    Medium,
    High,
}

impl Level {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Off => None,
            Self::Low => Some(Severity::Low),
            Self::Medium => Some(Severity::Medium),
            Self::High => Some(Severity::High),
        }
    }
}

/// Returns a domain in ASCII form.
fn own_domain(text: &str) -> Result<String, String> {
    let domain = ascii_domain(text.trim().trim_start_matches('@'));
    // A pattern would silently match no address.
    domain
        .filter(|domain| !domain.contains('*'))
        .ok_or_else(|| format!("`{}` is not a domain", text.escape_debug()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptEntry {
    code: Code,
    #[serde(default, deserialize_with = "some_text")]
    subject: Option<String>,
    #[serde(deserialize_with = "reason")]
    reason: String,
    #[serde(default, deserialize_with = "day")]
    until: Option<String>,
}

impl AcceptEntry {
    fn into_acceptable(self) -> Acceptable {
        Acceptable {
            code: self.code.0,
            subject: self.subject,
            acceptance: Arc::new(Acceptance {
                reason: self.reason,
                until: self.until,
            }),
        }
    }
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.trim() {
        "" => Err(D::Error::custom(
            "the reason is empty: say why this is accepted",
        )),
        reason => Ok(reason.to_owned()),
    }
}

fn some_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.trim() {
        "" => Err(D::Error::custom(
            "the subject is empty: name an id or an e-mail address, or leave it out for all findings of the rule",
        )),
        subject => Ok(Some(subject.to_owned())),
    }
}

/// A TOML date, as text.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let expected = "expected a date without quotes, such as 2026-12-31";
    let date =
        toml::value::Datetime::deserialize(deserializer).map_err(|_| D::Error::custom(expected))?;
    match date {
        toml::value::Datetime {
            date: Some(day),
            time: None,
            offset: None,
        } => Ok(Some(day.to_string())),
        _ => Err(D::Error::custom(expected)),
    }
}

impl Acceptable {
    /// Whether its last day has passed.
    pub(super) fn is_expired(&self, judged_at: Timestamp) -> bool {
        let today = judged_at.to_day();
        let until = self.acceptance.until.as_deref();
        until.is_some_and(|until| until < today.as_str())
    }

    /// Writes an entry that accepts a finding, whose reason is to be written by hand.
    pub fn write_entry(finding: &Finding, out: &mut String) {
        let subject = &finding.subject;
        let mut who: Vec<&str> = subject.name.iter().map(Text::as_str).collect();
        who.extend(subject.email.as_deref());
        let comment = match who.as_slice() {
            [] => finding.message.clone(),
            who => format!("{}: {}", who.join(", "), finding.message),
        };
        let _ = write!(
            out,
            "[[accept]] # {}\ncode = {}\n",
            comment.escape_debug(),
            quoted(finding.code.as_str())
        );
        if !subject.id.is_empty() {
            let _ = writeln!(out, "subject = {}", quoted(&subject.id));
        }
        let _ = writeln!(out, "reason = \"\"\n# until = 2026-12-31");
    }
}

/// A TOML string in which everything that would be harmful on a terminal is escaped. JSON's escapes are also TOML's.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let mut quoted = String::with_capacity(json.len());
    for c in json.chars() {
        if is_harmful(c) {
            let _ = write!(quoted, "\\U{:08x}", u32::from(c));
        } else {
            quoted.push(c);
        }
    }
    quoted
}

/// Returns the rules file that says what is the default, with comments.
pub fn default_rules() -> String {
    let Settings {
        dormant_days,
        invitation_days,
        max_owners,
        ..
    } = Settings::default();
    let mut text = format!(
        "# Rules of `posthog-c1z audit`, with their defaults. Lines that are left out mean the same.\n\
         \n\
         # Days without a login after which a member is dormant.\n\
         dormant_days = {dormant_days}\n\
         # Days that an invitation may be listed.\n\
         invitation_days = {invitation_days}\n\
         # The most owners.\n\
         max_owners = {max_owners}\n\
         # The organization's e-mail domains, without subdomains. If there are none, its verified domains count.\n\
         # domains = [\"example.com\"]\n\
         \n\
         # Severities: \"off\", \"low\", \"medium\" or \"high\".\n\
         [rules]\n"
    );
    for rule in &RULES {
        let _ = write!(
            text,
            "# {}\n{} = \"{}\"\n",
            rule.about, rule.code, rule.severity
        );
    }
    text.push_str(
        "\n# Findings that are accepted, one table each. `subject` is an id or an e-mail address; without it, every finding of\n\
         # the rule is accepted. `until` is the last day. `audit --print-accept` writes these tables.\n\
         # [[accept]]\n\
         # code = \"dormant-admin\"\n\
         # subject = \"ann@example.com\"\n\
         # reason = \"on parental leave\"\n\
         # until = 2026-12-31\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_defaults_read_back_as_the_defaults() {
        let settings = Settings::parse(&default_rules()).unwrap();
        for code in RuleCode::ALL {
            let default = Settings::default().severity(*code);
            assert!(default.is_some());
            assert_eq!(settings.severity(*code), default, "{code}");
        }
        let severities = BTreeMap::new();
        assert_eq!(
            Settings {
                severities,
                ..settings
            },
            Settings::default()
        );
    }

    #[test]
    fn what_is_wrong_with_a_rules_file_has_a_place() {
        for (text, line, column, problem) in [
            ("dormant_days = 30\nx = 1", 2, 1, "unknown field `x`"),
            ("dormant_days = -1", 1, 16, "invalid value"),
            ("dormant_days = \"30\"", 1, 16, "invalid type"),
            (
                "[rules]\nno-such = \"low\"",
                2,
                1,
                "`no-such` is not the code",
            ),
            (
                "[rules]\nsingle-owner = \"bad\"",
                2,
                16,
                "unknown variant `bad`",
            ),
            ("domains = [\"a b\"]", 1, 12, "`a b` is not a domain"),
            (
                "[[accept]]\ncode = \"single-owner\"",
                1,
                1,
                "missing field `reason`",
            ),
            (
                "[[accept]]\ncode = \"single-owner\"\nreason = \" \"",
                3,
                10,
                "the reason is empty",
            ),
            (
                "[[accept]]\ncode = \"single-owner\"\nreason = \"x\"\nuntil = \"2026-01-01\"",
                4,
                9,
                "expected a date",
            ),
            (
                "[[accept]]\ncode = \"single-owner\"\nreason = \"x\"\nuntil = 2026-01-01T00:00:00Z",
                4,
                9,
                "expected a date",
            ),
            (
                "[[accept]]\ncode = \"x\"\nreason = \"x\"",
                2,
                8,
                "`x` is not the code",
            ),
            ("x = ", 1, 5, ""),
        ] {
            let error = Settings::parse(text).unwrap_err();
            assert_eq!(
                (error.place.line, error.place.column),
                (line, column),
                "{text}: {error}"
            );
            assert!(error.problem.starts_with(problem), "{text}: {error}");
        }
    }
}
