//! The report of `audit` as text for a terminal: the verdict, the findings by severity and rule with what to do about them,
//! and what was not judged.

use std::io::{self, Write};

use super::{agreement, headline, note_on_2fa, verdict, what, who};
use crate::model::{Audit, Finding, Severity, Zone};
use crate::report::{Page, printable, style, wrap};

pub(super) fn write(audit: &Audit, page: Page, out: &mut dyn Write) -> io::Result<()> {
    let mut console = Console { audit, page, out };
    console.head()?;
    let open = || audit.findings.iter().filter(|f| f.accepted.is_none());
    match &audit.since {
        None => console.findings(open())?,
        Some(older) => {
            let captured_at = older.captured_at;
            let (new, known): (Vec<_>, Vec<_>) = open().partition(|f| f.is_new == Some(true));
            if !new.is_empty() {
                console.heading(&format!("New since {} ({captured_at})", older.file))?;
                console.findings(new.into_iter())?;
            }
            if !known.is_empty() {
                console.heading(&format!("Also in {} ({captured_at})", older.file))?;
                console.findings(known.into_iter())?;
            }
        }
    }
    console.accepted()?;
    console.unmatched()?;
    console.unknown()?;
    console.not_judged()?;
    if let Some(note) = note_on_2fa(audit) {
        writeln!(console.out)?;
        console.line(&format!("note: {note}"), 6)?;
    }
    Ok(())
}

struct Console<'a> {
    audit: &'a Audit,
    page: Page,
    out: &'a mut dyn Write,
}

impl Console<'_> {
    fn line(&mut self, text: &str, indent: usize) -> io::Result<()> {
        let line = wrap(&printable(text), self.page.terminal_width(), indent);
        writeln!(self.out, "{line}")
    }

    /// A line whose beginning is styled.
    fn styled(
        &mut self,
        style: anstyle::Style,
        begin: &str,
        rest: &str,
        indent: usize,
    ) -> io::Result<()> {
        let style = style::wanted(style, self.page.styled);
        let line = format!("{}{}", printable(begin), printable(rest));
        let line = wrap(&line, self.page.terminal_width(), indent);
        let begin = printable(begin);
        match line.strip_prefix(&*begin) {
            Some(rest) => writeln!(self.out, "{style}{begin}{style:#}{rest}"),
            None => writeln!(self.out, "{line}"),
        }
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out)?;
        self.styled(style::HEADING, text, "", 2)
    }

    fn head(&mut self) -> io::Result<()> {
        let audit = self.audit;
        self.styled(style::HEADING, &headline(audit), "", 2)?;
        if let Some(verdict) = verdict(audit) {
            self.line(&verdict, 2)?;
        }
        writeln!(self.out)?;
        let organization = audit.organization.as_deref();
        let organization = organization.unwrap_or("organization unknown");
        let line = format!("{}: {organization}, {}", audit.file, audit.captured_at);
        self.line(&line, 2)?;
        if audit.judged_at != audit.captured_at.as_utc {
            self.line(
                &format!("judged as of {} UTC", audit.judged_at.to_seconds()),
                2,
            )?;
        } else if audit.captured_at.zone == Zone::Unknown {
            self.line("judged as of that time, read as UTC", 2)?;
        }
        Ok(())
    }

    /// Findings by severity and rule.
    fn findings<'f>(&mut self, findings: impl Iterator<Item = &'f Finding>) -> io::Result<()> {
        let findings: Vec<&Finding> = findings.collect();
        for severity in findings.chunk_by(|a, b| a.severity == b.severity) {
            let level = severity[0].severity;
            let name = match level {
                Severity::High => "High",
                Severity::Medium => "Medium",
                Severity::Low => "Low",
            };
            self.heading(&format!("{name} ({})", severity.len()))?;
            for rule in severity.chunk_by(|a, b| a.code == b.code) {
                let code = rule[0].code;
                let judged = self.audit.rules.iter().find(|rule| rule.code == code);
                let remedy = judged.map_or("", |rule| rule.remedy);
                let style = match level {
                    Severity::High => style::WARNING,
                    _ => style::CHANGED,
                };
                self.styled(style, &format!("  {code}"), &format!(": {remedy}"), 4)?;
                for finding in rule {
                    let line = format!("    {}: {}", who(&finding.subject), what(finding));
                    self.line(&line, 6)?;
                }
            }
        }
        Ok(())
    }

    fn accepted(&mut self) -> io::Result<()> {
        let accepted: Vec<_> = self
            .audit
            .findings
            .iter()
            .filter(|f| f.accepted.is_some())
            .collect();
        if !accepted.is_empty() {
            self.heading(&format!("Accepted ({})", accepted.len()))?;
        }
        for finding in accepted {
            let (code, who) = (finding.code, who(&finding.subject));
            let line = format!(
                "  {code}: {who}: {} ({})",
                finding.message,
                agreement(finding)
            );
            self.line(&line, 4)?;
        }
        Ok(())
    }

    fn unmatched(&mut self) -> io::Result<()> {
        let audit = self.audit;
        if !audit.unmatched_acceptances.is_empty() {
            self.heading("Acceptances that accept nothing")?;
        }
        for unmatched in &audit.unmatched_acceptances {
            let subject = unmatched.subject.as_deref();
            let subject = subject.map_or(String::new(), |subject| format!(" for {subject}"));
            let why = super::why_unmatched(unmatched);
            let reason = &unmatched.acceptance.reason;
            let line = format!("  {}{subject}: {why}: {reason}", unmatched.code);
            self.line(&line, 4)?;
        }
        Ok(())
    }

    fn unknown(&mut self) -> io::Result<()> {
        let audit = self.audit;
        let unknown: Vec<_> = audit.rules.iter().filter(|rule| rule.unknown > 0).collect();
        if !unknown.is_empty() {
            self.heading("Judged in part")?;
        }
        for rule in unknown {
            let line = format!("  {}: {}", rule.code, super::not_known(rule));
            self.line(&line, 4)?;
        }
        Ok(())
    }

    fn not_judged(&mut self) -> io::Result<()> {
        let audit = self.audit;
        if !audit.not_judged.is_empty() {
            self.heading("Not judged")?;
        }
        // Many rules share a reason.
        let mut reasons: Vec<&str> = Vec::new();
        for rule in &audit.not_judged {
            if !reasons.contains(&rule.reason.as_str()) {
                reasons.push(&rule.reason);
            }
        }
        for reason in reasons {
            let rules = audit.not_judged.iter().filter(|rule| rule.reason == reason);
            let codes: Vec<_> = rules.map(|rule| rule.code.as_str()).collect();
            self.line(&format!("  {}: {reason}", codes.join(", ")), 4)?;
        }
        Ok(())
    }
}
