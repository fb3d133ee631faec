//! Plays a case on both servers and tells how they differ.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use similar::TextDiff;

use crate::case::{Case, Step};
use crate::known::Verdict;
use crate::normal::Normalizer;
use crate::play::{Answer, Played, Seen, play};
use crate::selector;
use crate::servers::{Server, servers};
use crate::versions::{Version, Versions};

/// Plays and compares a case.
pub(crate) async fn verdict(versions: &Versions, case: &Case) -> Verdict {
    let servers = servers();
    let id = format!("c{}", &uuid::Uuid::new_v4().simple().to_string()[..9]);
    let play = |server| play(case, server, &servers.hooks, &id);
    let (real, embedded) = futures::join!(play(&servers.real), play(&servers.embedded));
    if let Some(invalid) = invalid(case, &servers.real, &real) {
        return invalid;
    }
    differences(
        versions,
        case,
        (&servers.real, real),
        (&servers.embedded, embedded),
    )
}

/// Whether the real server did what the case is about.
fn invalid(case: &Case, server: &Server, played: &Played) -> Option<Verdict> {
    for (index, (step, seen)) in case.script.steps.iter().zip(&played.seen).enumerate() {
        let newer = step
            .differs
            .as_ref()
            .filter(|d| Version::parse(&d.since) <= server.version);
        let expected = newer.and_then(|differs| differs.code).or(step.code);
        let fine = expected.map_or((200..300).contains(&seen.code), |code| code == seen.code);
        if !fine {
            let text = shown(step, seen);
            return Some(Verdict::Invalid(format!(
                "on {}, step {} ({}) should answer {}:\n{text}",
                server.name,
                index + 1,
                title(step),
                expected.map_or_else(|| "2xx".to_owned(), |code| code.to_string()),
            )));
        }
    }
    let (step, problem) = played.problem.as_ref()?;
    let last = played.seen.last();
    let last = last.map(|seen| format!("\n{}", shown(&Step::default(), seen)));
    let last = last.unwrap_or_default();
    Some(Verdict::Invalid(format!(
        "on {}, step {step}: {problem}{last}",
        server.name
    )))
}

fn differences(
    versions: &Versions,
    case: &Case,
    (real_server, mut real): (&Server, Played),
    (server, mut embedded): (&Server, Played),
) -> Verdict {
    let mut normal = (Normalizer::new(case), Normalizer::new(case));
    let mut report = String::new();
    let pairs = real.seen.iter_mut().zip(&mut embedded.seen);
    for (index, (step, (real, embedded))) in case.script.steps.iter().zip(pairs).enumerate() {
        let older = (real_server.version, &mut *real);
        versions.lift(
            step.differs.as_ref(),
            older,
            (server.version, &mut *embedded),
        );
        normal.0.normalize(real);
        normal.1.normalize(embedded);
        let (real, embedded) = (shown(step, real), shown(step, embedded));
        if real != embedded {
            let _ = writeln!(report, "step {}: {}", index + 1, title(step));
            let diff = TextDiff::from_lines(&real, &embedded);
            let mut unified = diff.unified_diff();
            let unified = unified
                .context_radius(4)
                .header(real_server.name, server.name);
            let _ = writeln!(report, "{unified}");
        }
    }
    if let Some((step, problem)) = &embedded.problem {
        let _ = writeln!(report, "on {}, step {step}: {problem}", server.name);
    }
    if report.is_empty() {
        return Verdict::Agrees;
    }
    Verdict::Differs(format!("{}\n\n{report}", case.script.about))
}

fn title(step: &Step) -> String {
    let watch = step.watch.as_ref().map(|path| format!("WATCH {path}"));
    let collect = step
        .collect
        .as_ref()
        .map(|name| format!("events of {name}"));
    let asked = step.asked.then(|| "what webhooks were asked".to_owned());
    step.request
        .clone()
        .or(watch)
        .or(collect)
        .or(asked)
        .unwrap_or_default()
}

/// What of an answer is compared, as text.
fn shown(step: &Step, seen: &Seen) -> String {
    let mut text = format!("{} {}\n", seen.code, seen.content_type);
    for warning in &seen.warnings {
        let _ = writeln!(text, "Warning: {warning}");
    }
    let documents = match &seen.answer {
        Answer::Text(answer) => {
            text.push_str(answer);
            return text + "\n";
        }
        Answer::Json(body) => vec![body.clone()],
        Answer::Events(events) => events.clone(),
    };
    for document in documents {
        let _ = writeln!(text, "{:#}", compared(step, document));
    }
    text
}

fn compared(step: &Step, mut document: Value) -> Value {
    for place in step.ignore.keys() {
        selector::remove(&mut document, place);
    }
    if step.only.is_empty() {
        return document;
    }
    let place = |place: &String| (place.clone(), json!(selector::select(&document, place)));
    Value::Object(step.only.iter().map(place).collect::<Map<_, _>>())
}
