//! Charts as inline SVG: few, plain, and each with its numbers as text for those who do not see it.

use std::fmt::Write;

use askama::filters::Escaper;

use super::escape::Visible;
use crate::report::access::glance::Series;

/// The width of a chart, in units of its view box; text is 12 units high.
const WIDTH: usize = 420;
/// The height of one bar with its gap.
const BAR: usize = 20;
/// Where the bars of a chart with horizontal bars begin.
const LABELS: usize = 150;
/// The room for a number after a bar.
const NUMBERS: usize = 50;
/// The most characters of a label.
const LABEL_CHARS: usize = 19;
/// The height of columns.
const COLUMNS: usize = 90;

/// A chart.
pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) svg: String,
}

/// Draws a series: as columns if it is one over time, else as horizontal bars.
pub(super) fn chart(number: usize, series: &Series) -> Chart {
    let is_time = series.is_time;
    let most = series
        .bars
        .iter()
        .map(|(_, n)| *n)
        .max()
        .unwrap_or(0)
        .max(1);
    let height = if is_time {
        COLUMNS + 40
    } else {
        series.bars.len() * BAR + 4
    };
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"chart-{number}\"><desc id=\"chart-{number}\">"
    );
    svg.push_str(series.title);
    for (at, (label, n)) in series.bars.iter().enumerate() {
        svg.push_str(if at == 0 { ": " } else { ", " });
        push_escaped(&mut svg, label);
        push(&mut svg, format_args!(" {n}"));
    }
    svg.push_str("</desc>");
    if is_time {
        push_columns(&mut svg, series, most);
    } else {
        push_bars(&mut svg, series, most);
    }
    svg.push_str("</svg>");
    Chart {
        title: series.title,
        svg,
    }
}

fn push_bars(svg: &mut String, series: &Series, most: u64) {
    let room = WIDTH - LABELS - NUMBERS;
    for (at, (label, n)) in series.bars.iter().enumerate() {
        let top = at * BAR + 2;
        let baseline = top + 13;
        let width = length(*n, most, room);
        push(
            svg,
            format_args!(
                "<text x=\"{}\" y=\"{baseline}\" class=\"label\">",
                LABELS - 8
            ),
        );
        push_escaped(svg, &shortened(label));
        push(
            svg,
            format_args!(
                "</text><rect x=\"{LABELS}\" y=\"{top}\" width=\"{width}\" height=\"{}\"/><text x=\"{}\" y=\"{baseline}\">{n}</text>",
                BAR - 4,
                LABELS + width + 6,
            ),
        );
    }
}

fn push_columns(svg: &mut String, series: &Series, most: u64) {
    let step = WIDTH / series.bars.len().max(1);
    let step = step.min(60);
    for (at, (_, n)) in series.bars.iter().enumerate() {
        let height = length(*n, most, COLUMNS);
        push(
            svg,
            format_args!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{height}\"/>",
                at * step,
                COLUMNS + 14 - height,
                step.saturating_sub(2).max(1),
            ),
        );
    }
    // The highest column has its number, and the first and last period their names.
    if let Some(at) = series.bars.iter().position(|(_, n)| *n == most) {
        let middle = (at * step + step / 2).clamp(12, WIDTH - 12);
        push(
            svg,
            format_args!("<text x=\"{middle}\" y=\"10\" class=\"middle\">{most}</text>"),
        );
    }
    let baseline = COLUMNS + 30;
    if let [(first, _), .., (last, _)] = series.bars.as_slice() {
        push(
            svg,
            format_args!("<text x=\"0\" y=\"{baseline}\">{first}</text>"),
        );
        let right = step * series.bars.len();
        push(
            svg,
            format_args!("<text x=\"{right}\" y=\"{baseline}\" class=\"label\">{last}</text>"),
        );
    } else if let [(only, _)] = series.bars.as_slice() {
        push(
            svg,
            format_args!("<text x=\"0\" y=\"{baseline}\">{only}</text>"),
        );
    }
}

/// The length of a bar. What is not zero can be seen.
fn length(n: u64, most: u64, room: usize) -> usize {
    let length = (n as f64 / most as f64 * room as f64).round() as usize;
    if n > 0 { length.max(1) } else { 0 }
}

fn shortened(label: &str) -> String {
    match label.char_indices().nth(LABEL_CHARS) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label.to_owned(),
    }
}

fn push(svg: &mut String, text: std::fmt::Arguments<'_>) {
    svg.write_fmt(text).expect("a String takes all text");
}

fn push_escaped(svg: &mut String, text: &str) {
    let written = Visible.write_escaped_str(svg, text);
    written.expect("a String takes all text");
}
