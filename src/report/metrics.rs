//! Figures for monitoring, in Prometheus' text format as node_exporter's textfile collector reads it.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::model::Severity;

/// One figure. All of them are gauges, since nothing here counts on from one run to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// When the last successful run ended.
    LastSuccess,
    /// When the last failed run ended.
    LastFailure,
    /// How the last run ended.
    ExitCode,
    /// How long the last run took.
    Duration,
    /// Requests of the last run.
    Requests,
    /// How many of them were retries.
    Retries,
    /// Users in the last snapshot.
    Users,
    /// Roles in the last snapshot.
    Roles,
    /// Grants in the last snapshot.
    Grants,
    /// The size of the last snapshot.
    SnapshotBytes,
    /// Findings of this severity in the last snapshot.
    Findings(Severity),
}

impl Metric {
    /// All of them, in the order of the file.
    const ALL: [Self; 13] = [
        Self::LastSuccess,
        Self::LastFailure,
        Self::ExitCode,
        Self::Duration,
        Self::Requests,
        Self::Retries,
        Self::Users,
        Self::Roles,
        Self::Grants,
        Self::SnapshotBytes,
        Self::Findings(Severity::High),
        Self::Findings(Severity::Medium),
        Self::Findings(Severity::Low),
    ];

    /// Whether it describes the last snapshot, not the last run.
    pub fn is_of_snapshot(self) -> bool {
        match self {
            Self::LastSuccess
            | Self::LastFailure
            | Self::ExitCode
            | Self::Duration
            | Self::Requests
            | Self::Retries => false,
            Self::Users | Self::Roles | Self::Grants | Self::SnapshotBytes | Self::Findings(_) => {
                true
            }
        }
    }

    /// Returns its name. Alerts depend on it.
    fn name(self) -> &'static str {
        match self {
            Self::LastSuccess => "posthog_c1z_last_success_timestamp_seconds",
            Self::LastFailure => "posthog_c1z_last_failure_timestamp_seconds",
            Self::ExitCode => "posthog_c1z_exit_code",
            Self::Duration => "posthog_c1z_duration_seconds",
            Self::Requests => "posthog_c1z_requests",
            Self::Retries => "posthog_c1z_retries",
            Self::Users => "posthog_c1z_users",
            Self::Roles => "posthog_c1z_roles",
            Self::Grants => "posthog_c1z_grants",
            Self::SnapshotBytes => "posthog_c1z_snapshot_bytes",
            Self::Findings(_) => "posthog_c1z_findings",
        }
    }

    /// Returns its description, without characters that would need escaping.
    fn help(self) -> &'static str {
        match self {
            Self::LastSuccess => "Time at which the last successful run ended, in Unix time.",
            Self::LastFailure => "Time at which the last failed run ended, in Unix time.",
            Self::ExitCode => "Exit code of the last run, 0 for success.",
            Self::Duration => "Duration of the last run in seconds.",
            Self::Requests => "HTTP requests that the last run sent, including retries.",
            Self::Retries => "HTTP requests that the last run sent again after a failure.",
            Self::Users => "Users in the snapshot of the last successful run.",
            Self::Roles => "Roles in the snapshot of the last successful run.",
            Self::Grants => "Grants in the snapshot of the last successful run.",
            Self::SnapshotBytes => "Size of the snapshot of the last successful run in bytes.",
            Self::Findings(_) => {
                "Audit findings that are not accepted, in the snapshot of the last successful run."
            }
        }
    }

    /// Returns the label of its own.
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Findings(severity) => Some(severity),
            _ => None,
        }
    }

    /// Returns the figure of this name and severity.
    fn find(name: &str, severity: Option<&str>) -> Option<Self> {
        let fits = |metric: &Self| {
            metric.name() == name && metric.severity().map(Severity::as_str) == severity
        };
        Self::ALL.into_iter().find(fits)
    }
}

/// The figures of one organization. What is not known is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// The organization's id, a label of every series.
    pub organization: Option<String>,
    /// The figures. None is negative, infinite or not a number.
    pub values: BTreeMap<Metric, f64>,
}

impl fmt::Display for Metrics {
    /// Writes the text format, ending in a newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut described = "";
        for metric in Metric::ALL {
            let Some(value) = self.values.get(&metric) else {
                continue;
            };
            let name = metric.name();
            // The severities share one description.
            if name != described {
                writeln!(f, "# HELP {name} {}", metric.help())?;
                writeln!(f, "# TYPE {name} gauge")?;
                described = name;
            }
            writeln!(f, "{name}{} {value}", self.labels(metric))?;
        }
        Ok(())
    }
}

/// The label of every series.
const ORGANIZATION: &str = "organization";
/// The label of findings.
const SEVERITY: &str = "severity";

impl Metrics {
    /// Returns the labels of a series, in braces; nothing if it has none.
    fn labels(&self, metric: Metric) -> String {
        let organization = self.organization.as_deref().map(|id| (ORGANIZATION, id));
        let severity = metric.severity().map(|of| (SEVERITY, of.as_str()));
        let mut text = String::new();
        for (name, value) in organization.into_iter().chain(severity) {
            text.push(if text.is_empty() { '{' } else { ',' });
            let _ = write!(text, "{name}=\"{}\"", escaped(value));
        }
        if !text.is_empty() {
            text.push('}');
        }
        text
    }

    /// Reads the file of an earlier run, which may hold anything. Returns the figures, and the number of lines that are not
    /// this program's: unreadable, of another program, or of another organization than the first line.
    pub fn parse(text: &str) -> (Self, usize) {
        let mut metrics = Self::default();
        let mut others = 0;
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match Sample::parse(line) {
                Some(sample)
                    if metrics.values.is_empty() || metrics.organization == sample.organization =>
                {
                    metrics.organization = sample.organization;
                    metrics.values.insert(sample.metric, sample.value);
                }
                _ => others += 1,
            }
        }
        (metrics, others)
    }
}

/// One line of a file.
struct Sample {
    metric: Metric,
    organization: Option<String>,
    value: f64,
}

impl Sample {
    /// Parses `name{label="value",…} value`; `None` for any other line.
    fn parse(line: &str) -> Option<Self> {
        let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
        let (name, mut rest) = line.split_at(end);
        let (mut organization, mut severity) = (None, None);
        if let Some(labels) = rest.strip_prefix('{') {
            rest = labels;
            loop {
                rest = rest.trim_start_matches([',', ' ']);
                if let Some(after) = rest.strip_prefix('}') {
                    rest = after;
                    break;
                }
                let (label, after) = rest.split_once("=\"")?;
                let (value, after) = unescaped(after)?;
                rest = after;
                match label.trim() {
                    ORGANIZATION => organization = Some(value),
                    SEVERITY => severity = Some(value),
                    _ => return None,
                }
            }
        }
        let value: f64 = rest.trim().parse().ok()?;
        let is_figure = value.is_finite() && value.is_sign_positive();
        is_figure.then_some(Self {
            metric: Metric::find(name, severity.as_deref())?,
            organization,
            value,
        })
    }
}

/// Escapes the value of a label.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text
}

/// Reads the value of a label up to its closing quote. Returns it, and what comes after the quote.
fn unescaped(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                c => c,
            }),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(organization: Option<&str>) -> Metrics {
        let values = Metric::ALL.into_iter().enumerate();
        Metrics {
            organization: organization.map(ToOwned::to_owned),
            values: values
                .map(|(at, metric)| (metric, 0.25 + at as f64))
                .collect(),
        }
    }

    #[test]
    fn figures_are_written_with_one_description_for_each_name() {
        let values = [
            (Metric::LastSuccess, 1_795_847_112.0),
            (Metric::Duration, 0.042),
            (Metric::Findings(Severity::High), 2.0),
            (Metric::Findings(Severity::Low), 0.0),
        ];
        let metrics = Metrics {
            organization: Some("acme".to_owned()),
            values: values.into(),
        };
        let expected = "\
# HELP posthog_c1z_last_success_timestamp_seconds Time at which the last successful run ended, in Unix time.
# TYPE posthog_c1z_last_success_timestamp_seconds gauge
posthog_c1z_last_success_timestamp_seconds{organization=\"acme\"} 1795847112
# HELP posthog_c1z_duration_seconds Duration of the last run in seconds.
# TYPE posthog_c1z_duration_seconds gauge
posthog_c1z_duration_seconds{organization=\"acme\"} 0.042
# HELP posthog_c1z_findings Audit findings that are not accepted, in the snapshot of the last successful run.
# TYPE posthog_c1z_findings gauge
posthog_c1z_findings{organization=\"acme\",severity=\"high\"} 2
posthog_c1z_findings{organization=\"acme\",severity=\"low\"} 0
";
        assert_eq!(metrics.to_string(), expected);
        assert_eq!(Metrics::default().to_string(), "");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let hostile = "a\"b\\c\nd{e=\"f\"} 1 } ,\u{202e}\\n";
        for organization in [None, Some("acme"), Some(""), Some(hostile)] {
            let metrics = all(organization);
            let text = metrics.to_string();
            assert_eq!(text.lines().count(), 13 + 2 * 11, "{text}");
            assert_eq!(Metrics::parse(&text), (metrics, 0));
        }
    }

    #[test]
    fn lines_that_are_not_figures_of_this_program_are_counted_and_ignored() {
        for (line, others) in [
            ("", 0),
            ("# anything", 0),
            ("posthog_c1z_users 5", 0),
            ("  posthog_c1z_users { organization = \"x\" } 5", 1),
            ("posthog_c1z_users{organization=\"\",} 5e0", 0),
            ("posthog_c1z_users", 1),
            ("posthog_c1z_users NaN", 1),
            ("posthog_c1z_users +Inf", 1),
            ("posthog_c1z_users -5", 1),
            ("posthog_c1z_users 5 1795847112000", 1),
            ("posthog_c1z_users{organization=\"x} 5", 1),
            ("posthog_c1z_users{organization=\"x\\", 1),
            ("posthog_c1z_users{severity=\"high\"} 5", 1),
            ("posthog_c1z_users{host=\"x\"} 5", 1),
            ("posthog_c1z_findings{severity=\"worst\"} 5", 1),
            ("posthog_c1z_findings 5", 1),
            ("node_load1 5", 1),
            ("C1ZF\0\u{fffd}{", 1),
        ] {
            assert_eq!(Metrics::parse(line).1, others, "{line}");
        }
        let two =
            "posthog_c1z_users{organization=\"a\"} 5\nposthog_c1z_roles{organization=\"b\"} 6";
        let (metrics, others) = Metrics::parse(two);
        assert_eq!((metrics.organization.as_deref(), others), (Some("a"), 1));
        assert_eq!(metrics.values, [(Metric::Users, 5.0)].into());
    }
}
