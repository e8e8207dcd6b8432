//! The report of `audit` as CSV for a spreadsheet: one row per finding, under the field names of the JSON document.

use std::io::{self, Write};

use crate::model::Audit;
use crate::report::Page;
use crate::report::sheet::{BYTE_ORDER_MARK, Formulas, Sheet};

const COLUMNS: [&str; 12] = [
    "code", "severity", "new", "kind", "id", "name", "email", "message", "remedy", "accepted",
    "reason", "until",
];

pub(super) fn write(audit: &Audit, page: Page, out: &mut dyn Write) -> io::Result<()> {
    if !page.is_terminal {
        out.write_all(BYTE_ORDER_MARK)?;
    }
    let mut sheet = Sheet::new(out, Formulas::Disarm, &COLUMNS)?;
    for finding in &audit.findings {
        let subject = &finding.subject;
        let rule = audit.rules.iter().find(|rule| rule.code == finding.code);
        let accepted = finding.accepted.as_ref();
        let until = accepted.and_then(|accepted| accepted.until.as_deref());
        sheet.push([
            finding.code.as_str(),
            finding.severity.as_str(),
            finding.is_new.map_or("", yes_no),
            subject.kind.as_str(),
            &subject.id,
            subject.name.as_deref().unwrap_or_default(),
            subject.email.as_deref().unwrap_or_default(),
            &super::what(finding),
            rule.map_or("", |rule| rule.remedy),
            yes_no(accepted.is_some()),
            accepted.map_or("", |accepted| &accepted.reason),
            until.unwrap_or_default(),
        ])?;
    }
    sheet.finish()
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
