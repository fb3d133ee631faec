//! A plan tree that is redrawn in place.

use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use crate::output::Paint;
use crate::tree::{self, Line, Tree};

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// A tree on the terminal that standard error is.
pub(super) struct LiveTree {
    bar: ProgressBar,
    paint: Paint,
    started: Instant,
    frame: usize,
    lines: Vec<Line>,
}

impl LiveTree {
    pub(super) fn new(paint: Paint) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // The whole tree is the message; the template cannot be wrong.
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            paint,
            started: Instant::now(),
            frame: 0,
            lines: Vec::new(),
        }
    }

    /// Shows another state of the tree.
    pub(super) fn show(&mut self, tree: &Tree) {
        self.lines = tree.lines();
        self.draw();
    }

    /// Moves the spinners and the clock on.
    pub(super) fn tick(&mut self) {
        self.frame += 1;
        self.draw();
    }

    /// Puts a line above the tree.
    pub(super) fn say(&self, text: &str) {
        self.bar.println(text);
    }

    /// Takes the tree off the terminal and gives its last state whole, to be printed for good.
    pub(super) fn finish(self) -> String {
        self.bar.finish_and_clear();
        let mut text = tree::coloured(&self.lines, self.paint);
        if let Some(end) = text.find('\n') {
            text.insert_str(end, &clock(self.started.elapsed()));
        }
        text
    }

    fn draw(&self) {
        let (height, width) = Term::stderr().size();
        // One line stays free for the cursor, and one against terminals that wrap at the edge.
        let height = usize::from(height).saturating_sub(2).max(1);
        let width = usize::from(width).saturating_sub(1).max(20);
        let spinner = SPINNER[self.frame % SPINNER.len()];
        let drawn: Vec<String> = window(&self.lines, height)
            .into_iter()
            .map(|(index, line)| {
                let tail = match index {
                    0 => clock(self.started.elapsed()),
                    _ if is_active(line) => format!(" {spinner}"),
                    _ => String::new(),
                };
                let room = width.saturating_sub(line.prefix.chars().count() + tail.chars().count());
                let text = self.paint.statuses(&clip(&line.text, room));
                format!("{}{text}{tail}", line.prefix)
            })
            .collect();
        self.bar.set_message(drawn.join("\n"));
        self.bar.tick();
    }
}

fn is_active(line: &Line) -> bool {
    line.text.starts_with("Step ")
        && (line.text.contains("[IN_PROGRESS]") || line.text.contains("[ERROR]"))
}

/// The lines that fit: the first, and those around the first that is under way.
fn window(lines: &[Line], height: usize) -> Vec<(usize, &Line)> {
    let indexed: Vec<(usize, &Line)> = lines.iter().enumerate().collect();
    if lines.len() <= height {
        return indexed;
    }
    let room = height.saturating_sub(1);
    let active = lines.iter().position(is_active).unwrap_or(lines.len());
    let start = active
        .saturating_sub(room / 2)
        .clamp(1, lines.len().saturating_sub(room).max(1));
    let head = indexed.iter().take(1).copied();
    head.chain(indexed.iter().skip(start).take(room).copied())
        .collect()
}

fn clip(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut clipped: String = text.chars().take(room.saturating_sub(1)).collect();
    clipped.push('…');
    clipped
}

fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    if seconds < 60 {
        format!(" {seconds}s")
    } else {
        format!(" {}m{:02}s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(active: usize, count: usize) -> Vec<Line> {
        (0..count)
            .map(|index| Line {
                prefix: String::new(),
                text: match index {
                    0 => "Plan deploy [IN_PROGRESS]".to_owned(),
                    _ if index == active => format!("Step {index} [IN_PROGRESS]"),
                    _ => format!("Step {index} [PENDING]"),
                },
            })
            .collect()
    }

    #[test]
    fn the_window_keeps_the_head_and_what_is_under_way() {
        let cases = [
            (3, 5, 10, vec![0, 1, 2, 3, 4]),
            (1, 10, 4, vec![0, 1, 2, 3]),
            (5, 10, 4, vec![0, 4, 5, 6]),
            (9, 10, 4, vec![0, 7, 8, 9]),
            (99, 10, 4, vec![0, 7, 8, 9]),
            (5, 10, 1, vec![0]),
        ];
        for (active, count, height, expected) in cases {
            let lines = lines(active, count);
            let found: Vec<usize> = window(&lines, height).iter().map(|(i, _)| *i).collect();
            assert_eq!(found, expected, "{active} of {count} in {height}");
        }
    }

    #[test]
    fn long_lines_are_clipped() {
        assert_eq!(clip("Step a", 10), "Step a");
        assert_eq!(clip("Step abcdefgh", 8), "Step ab…");
    }

    #[test]
    fn clocks() {
        assert_eq!(clock(Duration::from_secs(7)), " 7s");
        assert_eq!(clock(Duration::from_secs(125)), " 2m05s");
    }
}
