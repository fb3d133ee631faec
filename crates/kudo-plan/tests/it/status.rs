//! Status words.

use kudo_plan::{Status, UnknownStatus};

#[test]
fn words_are_upstreams_and_parse_back() {
    let table = [
        (Status::NeverRun, "NEVER_RUN", false, false),
        (Status::Pending, "PENDING", false, true),
        (Status::InProgress, "IN_PROGRESS", false, true),
        (Status::Complete, "COMPLETE", true, false),
        (Status::Error, "ERROR", false, true),
        (Status::FatalError, "FATAL_ERROR", true, false),
    ];
    assert_eq!(table.map(|row| row.0), Status::ALL);
    for (status, word, terminal, running) in table {
        assert_eq!(status.as_str(), word);
        assert_eq!(status.to_string(), word);
        assert_eq!(word.parse(), Ok(status));
        assert_eq!(status.is_terminal(), terminal, "{word}");
        assert_eq!(status.is_running(), running, "{word}");
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(json, format!("{word:?}"));
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status);
    }
}

#[test]
fn other_words_are_refused() {
    for word in [
        "",
        "complete",
        "Complete",
        "DONE",
        "IN PROGRESS",
        " COMPLETE",
    ] {
        assert_eq!(
            word.parse::<Status>(),
            Err(UnknownStatus(word.to_owned())),
            "{word:?}"
        );
    }
    assert_eq!(
        UnknownStatus("DONE".into()).to_string(),
        r#"unknown status "DONE""#
    );
}

#[test]
fn width_is_honoured() {
    assert_eq!(format!("[{:>12}]", Status::Complete), "[    COMPLETE]");
}
