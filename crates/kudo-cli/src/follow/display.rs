//! The progress of plans on standard error: a tree that moves on a terminal, lines elsewhere.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use kudo_api::Instance;
use kudo_api::instance::PlanStatus;
use kudo_api::operator_version::Plan;

use super::live::LiveTree;
use super::transitions::transitions;
use super::verdict::Awaited;
use crate::output::Output;
use crate::plan_tree;

/// Shows sights of an instance as they come.
pub(super) struct Display<'a> {
    output: &'a Output,
    plans: &'a BTreeMap<String, Plan>,
    shown: Option<PlanStatus>,
    said: Option<String>,
    live: Option<LiveTree>,
}

impl<'a> Display<'a> {
    pub(super) fn new(output: &'a Output, plans: &'a BTreeMap<String, Plan>) -> Self {
        Self {
            output,
            plans,
            shown: None,
            said: None,
            live: output.is_live().then(|| LiveTree::new(output.note_paint())),
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Shows the active plan of an instance, unless it had ended before what is awaited.
    pub(super) fn show(&mut self, instance: &Instance, awaited: &Awaited) {
        let active = instance
            .status
            .as_ref()
            .and_then(|status| status.last_executed_plan());
        let Some((name, plan)) = active.filter(|(name, plan)| !awaited.is_old(name, plan)) else {
            return;
        };
        let mut plan = plan.clone();
        name.clone_into(&mut plan.name);
        match &mut self.live {
            Some(live) => {
                let mut untimed = plan.clone();
                untimed.last_updated_timestamp = None;
                let definition = self.plans.get(name);
                live.show(&plan_tree::active_plan(
                    name,
                    &untimed,
                    definition,
                    &TimeZone::UTC,
                ));
            }
            None => {
                for line in transitions(self.shown.as_ref(), &plan) {
                    let line = self.output.note_paint().statuses(&line);
                    self.output.note(&line);
                }
            }
        }
        self.shown = Some(plan);
    }

    /// Says something about what is shown, unless it was the last thing said.
    pub(super) fn say_once(&mut self, text: &str) {
        if self.said.as_deref() == Some(text) {
            return;
        }
        match &self.live {
            Some(live) => live.say(text),
            None => self.output.note(text),
        }
        self.said = Some(text.to_owned());
    }

    /// Moves what moves on a live tree.
    pub(super) fn tick(&mut self) {
        if let Some(live) = &mut self.live {
            live.tick();
        }
    }

    /// Takes the live tree off the terminal, or leaves its last state, standing still.
    pub(super) fn finish(self, keep_tree: bool) {
        if let Some(live) = self.live {
            let last = live.finish();
            if keep_tree {
                self.output.note(&last);
            }
        }
    }
}
