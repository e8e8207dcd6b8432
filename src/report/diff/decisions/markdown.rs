//! What became of decisions, as Markdown for a pull-request comment or a step summary. It keeps to a size limit: what is
//! done is the first to be left out.

use std::io::{self, Write};

use super::{decided, heading, headline, holding, name, verdict, with_status};
use crate::model::{DecisionReview, DecisionStatus, JudgedDecision};
use crate::report::diff::markdown::{
    HEAD_NAME_BYTES, HEAD_NAME_PART, WARNINGS_RESERVE, push_sides, push_title, quoted_warnings,
};
use crate::report::diff::{Detail, short};
use crate::report::markdown::{Section, code, escape, push_sections, room_for_rows};

/// Longest cells, in bytes.
const CELL_BYTES: usize = 400;

pub(super) fn write(
    review: &DecisionReview,
    detail: Detail,
    max_bytes: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let sides = [&review.old, &review.new];
    let name_bytes = HEAD_NAME_BYTES.min(max_bytes / HEAD_NAME_PART);
    let mut text = String::new();
    push_title("Access decisions", sides, name_bytes, &mut text);
    text.push_str(&format!("**{}**\n", headline(review)));
    text.push_str(&format!("\n{}\n", verdict(review)));
    push_sides(sides, name_bytes, &mut text);
    let sections: Vec<Section> = DecisionStatus::ALL
        .into_iter()
        .map(|status| section(review, status, detail))
        .filter(|section| !section.rows.is_empty())
        .collect();
    let mut room = room_for_rows(&sections, max_bytes, &text).saturating_sub(WARNINGS_RESERVE);
    text.push_str(&quoted_warnings(&review.warnings, &mut room));
    push_sections(&sections, max_bytes, &mut text);
    out.write_all(text.as_bytes())
}

fn section(review: &DecisionReview, status: DecisionStatus, detail: Detail) -> Section {
    let decisions = with_status(review, status);
    Section {
        title: format!("{} ({})", heading(status), decisions.len()),
        head: if detail.ids {
            "| Decision | Who | E-mail | Holding | Found | Decided | ID |\n|---|---|---|---|---|---|---|\n"
        } else {
            "| Decision | Who | E-mail | Holding | Found | Decided |\n|---|---|---|---|---|---|\n"
        },
        rows: decisions.iter().map(|judged| row(judged, detail)).collect(),
        is_folded: status == DecisionStatus::Done,
        is_counted: true,
    }
}

fn row(judged: &JudgedDecision, detail: Detail) -> String {
    let email = match judged.row.email.as_str() {
        "" => String::new(),
        email => code(&short(email)),
    };
    let cell = |text: &str| escape(text, CELL_BYTES);
    let id = if detail.ids {
        format!(" {} |", code(&short(&judged.row.id)))
    } else {
        String::new()
    };
    format!(
        "| {} | {} | {email} | {} | {} | {} |{id}\n",
        judged.row.decision,
        cell(name(judged)),
        cell(&holding(judged)),
        cell(&judged.found),
        cell(&decided(judged)),
    )
}
