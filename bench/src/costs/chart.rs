//! A chart of the table: a bar for each row, divided between the processes.

use std::fmt::Write as _;

use super::table::{Row, Table};

/// The places on the sheet, in pixels.
const WIDTH: f64 = 960.0;
const LABELS: f64 = 290.0;
const BARS: f64 = 560.0;
const HEAD: f64 = 74.0;
const LINE: f64 = 26.0;
const BAR: f64 = 16.0;

/// Both schemes have the same bars; only texts and lines follow the reader's.
const STYLE: &str = "\
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }\n\
    .title { font-size: 16px; font-weight: 600; }\n\
    .quiet { fill: #59636e; }\n\
    line { stroke: #d1d9e0; }\n\
    .api { fill: #4c8dd6; } .redis { fill: #d9574a; }\n\
    .flusher { fill: #4aa564; } .sql { fill: #c9922e; }\n\
    @media (prefers-color-scheme: dark) {\n\
    text { fill: #f0f6fc; } .quiet { fill: #9198a1; } line { stroke: #3d444d; }\n\
    }\n";

/// Draws the CPU of an operation of each row. The scale is logarithmic, since a walk costs ten
/// thousand times a look; the parts of a bar are the shares of the processes.
pub(crate) fn costs(table: &Table) -> String {
    let totals = table.rows.iter().map(|row| row.cpu.total());
    let decades = totals.fold(10.0, f64::max).log10().ceil();
    let bottom = HEAD + LINE * table.rows.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\">\n\
         <title>CPU of an operation, by process</title>\n<style>\n{STYLE}</style>\n\
         <text class=\"title\" x=\"8\" y=\"22\">CPU of an operation, by process</text>\n",
        bottom + 12.0
    );
    let scale = format!("{}; a logarithmic scale", table.scale);
    text(&mut svg, "quiet", 8.0, 42.0, "start", &scale);
    legend(&mut svg);
    for decade in 0..=decades as u32 {
        let x = LABELS + BARS * f64::from(decade) / decades;
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{HEAD}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>"
        );
        let mark = time(10_f64.powi(decade as i32));
        text(&mut svg, "quiet", x, HEAD - 6.0, "middle", &mark);
    }
    for (at, row) in table.rows.iter().enumerate() {
        bar(&mut svg, row, HEAD + LINE * at as f64, decades);
    }
    svg + "</svg>\n"
}

/// Draws a row whose upper edge is at `y`.
fn bar(svg: &mut String, row: &Row, y: f64, decades: f64) {
    let total = row.cpu.total();
    let base = y + LINE / 2.0 + 4.5;
    text(svg, "row", LABELS - 10.0, base, "end", &row.name);
    let width = BARS * total.max(1.0).log10() / decades;
    let (mut x, top) = (LABELS, y + (LINE - BAR) / 2.0);
    for (process, part) in row.cpu.parts() {
        let wide = width * part / total.max(f64::MIN_POSITIVE);
        if wide >= 0.1 {
            let _ = writeln!(
                svg,
                "<rect class=\"{process}\" x=\"{x:.1}\" y=\"{top}\" width=\"{wide:.1}\" \
                 height=\"{BAR}\"/>"
            );
            x += wide;
        }
    }
    text(svg, "figure", x + 8.0, base, "start", &time(total));
}

/// Names the colours of the processes.
fn legend(svg: &mut String) {
    for (at, process) in ["api", "redis", "flusher", "sql"].iter().enumerate() {
        let x = LABELS + BARS - 320.0 + 90.0 * at as f64;
        let _ = writeln!(
            svg,
            "<rect class=\"{process}\" x=\"{x}\" y=\"12\" width=\"12\" height=\"12\"/>"
        );
        text(svg, "name", x + 18.0, 22.0, "start", process);
    }
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, anchor: &str, words: &str) {
    let words = escape(words);
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}

/// Returns some microseconds as a person would say them.
fn time(us: f64) -> String {
    let (value, unit) = match us {
        us if us >= 1e6 => (us / 1e6, "s"),
        us if us >= 1e3 => (us / 1e3, "ms"),
        us => (us, "µs"),
    };
    let digits = usize::from(value < 10.0 && value.fract() > 0.0);
    format!("{value:.digits$} {unit}")
}

/// Returns a text as it stands in XML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::table::tests::row;

    /// Returns true when every tag is closed in turn and there is no bare `&`.
    fn is_well_formed(xml: &str) -> bool {
        let mut open = Vec::new();
        for part in xml.split('<').skip(1) {
            let Some((tag, rest)) = part.split_once('>') else {
                return false;
            };
            let name = tag.split(' ').next().unwrap_or_default();
            let closes = name.strip_prefix('/');
            if closes.is_some_and(|name| open.pop() != Some(name)) {
                return false;
            }
            if closes.is_none() && !tag.ends_with('/') {
                open.push(name);
            }
            let entities = rest.split('&').skip(1);
            let known = |text: &str| {
                let names = ["amp;", "lt;", "gt;", "quot;"];
                names.iter().any(|name| text.starts_with(name))
            };
            if tag.matches('"').count() % 2 == 1 || !entities.into_iter().all(known) {
                return false;
            }
        }
        open.is_empty()
    }

    #[test]
    fn a_chart_is_well_formed_whatever_a_row_is_called() {
        let mut table = Table {
            scale: "SQLite & <more>".into(),
            ..Table::default()
        };
        assert!(is_well_formed(&costs(&table)), "even of nothing");
        table.rows = vec![row("floor", 1.0, 1.0), row(r#"a "b" <c> & d"#, 1e5, 0.1)];
        let svg = costs(&table);
        assert!(is_well_formed(&svg), "{svg}");
        assert!(svg.contains("a &quot;b&quot; &lt;c&gt; &amp; d"), "{svg}");
        assert!(svg.contains(">1 s</text>") && !svg.contains("NaN"), "{svg}");
        for wrong in ["<a>", "<a></b>", "<a>&</a>", "<a b=\"></a>"] {
            assert!(!is_well_formed(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_bar_is_divided_between_the_processes() {
        let table = Table {
            rows: vec![row("send", 1.0, 1.0)],
            ..Table::default()
        };
        // Ten microseconds are the whole scale: six are the API's, four are Redis'.
        let svg = costs(&table);
        for (class, width) in [("api", "336.0"), ("redis", "224.0")] {
            let bar = format!("<rect class=\"{class}\" x=");
            let lines = svg.lines().filter(|line| line.starts_with(&bar));
            let width = format!("width=\"{width}\"");
            assert!(lines.into_iter().any(|line| line.contains(&width)), "{svg}");
        }
    }

    #[test]
    fn a_time_is_told_in_the_unit_that_fits() {
        let told = [0.0, 7.25, 10.0, 1000.0, 2_750.0, 123_456.0, 2.7e6].map(time);
        let expected = [
            "0 µs", "7.2 µs", "10 µs", "1 ms", "2.8 ms", "123 ms", "2.7 s",
        ];
        assert_eq!(told, expected);
    }
}
