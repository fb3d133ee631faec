//! A plan's progress as lines, one a transition, for logs and pipes.

use kudo_api::instance::{PhaseStatus, PlanStatus, StepStatus};

/// A line for each part of the plan that is in another state, or has another message, than before.
///
/// A new execution of the plan is told from its first state on; parts that wait are not told.
pub(crate) fn transitions(before: Option<&PlanStatus>, after: &PlanStatus) -> Vec<String> {
    let plan = after.name.as_str();
    let before = before.filter(|before| before.uid == after.uid && before.name == after.name);
    let mut lines = Vec::new();
    let was = before.map(|before| (before.status.as_str(), before.message.as_str()));
    let ended = after.is_terminal();
    let told = line(&format!("Plan {plan}"), was, &after.status, &after.message);
    if !ended {
        lines.extend(told.clone());
    }
    for phase in &after.phases {
        let old = before.and_then(|before| before.phases.iter().find(|p| p.name == phase.name));
        phase_lines(plan, old, phase, &mut lines);
    }
    if ended {
        lines.extend(told);
    }
    lines
}

fn phase_lines(
    plan: &str,
    before: Option<&PhaseStatus>,
    after: &PhaseStatus,
    lines: &mut Vec<String>,
) {
    for step in &after.steps {
        let old: Option<&StepStatus> =
            before.and_then(|before| before.steps.iter().find(|s| s.name == step.name));
        let was = old.map(|step| (step.status.as_str(), step.message.as_str()));
        let subject = format!("Step {plan}/{}/{}", after.name, step.name);
        lines.extend(line(&subject, was, &step.status, &step.message));
    }
}

fn line(subject: &str, was: Option<(&str, &str)>, status: &str, message: &str) -> Option<String> {
    let waits = matches!(status, "" | "PENDING" | "NEVER_RUN");
    if waits || was == Some((status, message)) {
        return None;
    }
    let mut text = format!("{subject} [{status}]");
    if !message.is_empty() {
        text.push_str(" (");
        text.push_str(message);
        text.push(')');
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(uid: &str, status: &str, steps: &[(&str, &str, &str)]) -> PlanStatus {
        PlanStatus {
            name: "deploy".to_owned(),
            status: status.to_owned(),
            uid: uid.to_owned(),
            phases: vec![PhaseStatus {
                name: "main".to_owned(),
                status: status.to_owned(),
                steps: steps
                    .iter()
                    .map(|(name, status, message)| StepStatus {
                        name: (*name).to_owned(),
                        status: (*status).to_owned(),
                        message: (*message).to_owned(),
                    })
                    .collect(),
                ..PhaseStatus::default()
            }],
            ..PlanStatus::default()
        }
    }

    #[test]
    fn one_line_a_transition() {
        let sights = [
            plan(
                "1",
                "PENDING",
                &[("a", "PENDING", ""), ("b", "PENDING", "")],
            ),
            plan(
                "1",
                "IN_PROGRESS",
                &[("a", "IN_PROGRESS", ""), ("b", "PENDING", "")],
            ),
            plan(
                "1",
                "IN_PROGRESS",
                &[("a", "ERROR", "refused"), ("b", "PENDING", "")],
            ),
            plan(
                "1",
                "IN_PROGRESS",
                &[("a", "ERROR", "refused"), ("b", "PENDING", "")],
            ),
            plan(
                "1",
                "IN_PROGRESS",
                &[("a", "COMPLETE", ""), ("b", "IN_PROGRESS", "")],
            ),
            plan(
                "1",
                "COMPLETE",
                &[("a", "COMPLETE", ""), ("b", "COMPLETE", "")],
            ),
            plan(
                "2",
                "IN_PROGRESS",
                &[("a", "IN_PROGRESS", ""), ("b", "PENDING", "")],
            ),
        ];
        let mut before = None;
        let mut lines = Vec::new();
        for sight in &sights {
            lines.extend(transitions(before, sight));
            before = Some(sight);
        }
        let expected = [
            "Plan deploy [IN_PROGRESS]",
            "Step deploy/main/a [IN_PROGRESS]",
            "Step deploy/main/a [ERROR] (refused)",
            "Step deploy/main/a [COMPLETE]",
            "Step deploy/main/b [IN_PROGRESS]",
            "Step deploy/main/b [COMPLETE]",
            "Plan deploy [COMPLETE]",
            "Plan deploy [IN_PROGRESS]",
            "Step deploy/main/a [IN_PROGRESS]",
        ];
        assert_eq!(lines, expected);
    }
}
