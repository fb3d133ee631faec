//! `docs/benchmarks.md`: the table between two marks is replaced by a run's.

use std::fs;

use super::BenchError;
use super::report::{Report, Row};
use crate::workspace::root;

const BEGIN: &str = "<!-- begin: written by `cargo xtask bench --write` -->";
const END: &str = "<!-- end -->";

pub(super) fn write(report: &Report) -> Result<(), BenchError> {
    let path = root().join("docs/benchmarks.md");
    let failed = BenchError::io("docs/benchmarks.md");
    let page = fs::read_to_string(&path).map_err(&failed)?;
    let table = table(&report.origin(), &report.rows());
    let page = replaced(&page, &table).ok_or(BenchError::Unreadable("the marks in the page"))?;
    fs::write(&path, page).map_err(failed)
}

fn table(origin: &str, rows: &[Row]) -> String {
    let mut lines = vec![
        origin.to_owned(),
        String::new(),
        "| | Measured | To reach | |".to_owned(),
        "|---|---:|---|---|".to_owned(),
    ];
    for row in rows {
        let verdict = match row.reached {
            None => "",
            Some(true) => "reached",
            Some(false) => "**missed**",
        };
        lines.push(format!(
            "| {} | {} | {} | {verdict} |",
            row.what, row.measured, row.reach
        ));
    }
    lines.join("\n")
}

fn replaced(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{table}\n\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = replaced(&page, "new").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(replaced(&once, "new").unwrap(), once);
        assert_eq!(replaced("no marks", "new"), None);
    }

    #[test]
    fn rows_are_lines() {
        let rows = [
            Row {
                what: "a",
                measured: "1".to_owned(),
                reach: "≤ 2",
                reached: Some(true),
            },
            Row {
                what: "b",
                measured: "3".to_owned(),
                reach: "≤ 2",
                reached: Some(false),
            },
        ];
        let table = table("here", &rows);
        assert!(table.starts_with("here\n\n| "), "{table}");
        assert!(
            table.ends_with("| a | 1 | ≤ 2 | reached |\n| b | 3 | ≤ 2 | **missed** |"),
            "{table}"
        );
    }
}
