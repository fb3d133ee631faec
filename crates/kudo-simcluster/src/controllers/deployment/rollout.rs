//! How many pods each replica set gets.

use super::annotations::{DESIRED, MAX, revision, size};
use super::{Action, Rollout, SetRef, replicas};
use crate::controllers::conditions::count;

impl Rollout<'_> {
    /// Whether the wanted number has changed since a set was last scaled.
    pub(super) fn is_scaling(&self) -> bool {
        let active = self.sets().filter(|set| replicas(set) > 0);
        let mut desired = active.filter_map(|set| size(set, DESIRED));
        desired.any(|desired| desired != self.replicas())
    }

    /// The size of the new set that leaves the total within the surge.
    pub(super) fn new_replicas(&self, current: i64) -> i64 {
        let total: i64 = self.sets().map(replicas).sum();
        let room = self.replicas() + self.max_surge() - total;
        current + room.clamp(0, (self.replicas() - current).max(0))
    }

    /// Scales the new set as far as the surge allows.
    pub(super) fn grow_new(&self) -> Option<Action> {
        let new = self.new.as_ref()?;
        let current = replicas(new);
        let wanted = if current > self.replicas() {
            self.replicas()
        } else {
            self.new_replicas(current)
        };
        (wanted != current).then(|| self.scale(new, wanted))
    }

    /// Scales old sets down as far as enough pods stay available: broken pods first.
    pub(super) fn shrink_old(&self) -> Vec<Action> {
        let Some(new) = &self.new else {
            return Vec::new();
        };
        let min_available = self.replicas() - self.max_unavailable();
        let total: i64 = self.sets().map(replicas).sum();
        let new_unavailable = replicas(new) - available(new);
        let mut sizes: Vec<i64> = self.old.iter().map(replicas).collect();

        let mut room = total - min_available - new_unavailable;
        if room <= 0 {
            return Vec::new();
        }
        for (set, size) in self.old.iter().zip(&mut sizes) {
            let broken = (*size - available(set)).clamp(0, room);
            *size -= broken;
            room -= broken;
        }
        let mut room = self.sets().map(available).sum::<i64>() - min_available;
        for size in &mut sizes {
            let spared = (*size).min(room).max(0);
            *size -= spared;
            room -= spared;
        }
        let changed = self.old.iter().zip(sizes);
        changed
            .filter(|(set, size)| replicas(set) != *size)
            .map(|(set, size)| self.scale(set, size))
            .collect()
    }

    /// Spreads a change of the wanted number over the sets of a rollout that is under way.
    pub(super) fn scale_in_proportion(&self) -> Vec<Action> {
        let active: Vec<&SetRef<'_>> = self.sets().filter(|set| replicas(set) > 0).collect();
        let only = match active.as_slice() {
            [] => self.new.as_ref().or(self.old.last()),
            [one] => Some(*one),
            _ => None,
        };
        if active.len() <= 1 {
            let only = only.filter(|set| replicas(set) != self.replicas());
            return only
                .map(|set| self.scale(set, self.replicas()))
                .into_iter()
                .collect();
        }
        if self.new.as_ref().is_some_and(|new| self.is_saturated(new)) {
            let old = self.old.iter().filter(|set| replicas(set) > 0);
            return old.map(|set| self.scale(set, 0)).collect();
        }
        if !self.is_rolling() {
            return Vec::new();
        }
        self.proportions(active)
    }

    fn proportions(&self, mut active: Vec<&SetRef<'_>>) -> Vec<Action> {
        let allowed = if self.replicas() > 0 {
            self.replicas() + self.max_surge()
        } else {
            0
        };
        let total: i64 = active.iter().map(|set| replicas(set)).sum();
        let to_add = allowed - total;
        // The larger first; of two of one size the newer when adding, the older when taking away.
        active.sort_by_key(|set| {
            let age = if to_add > 0 {
                -revision(set)
            } else {
                revision(set)
            };
            (-replicas(set), age)
        });
        let mut added = 0;
        let mut sizes: Vec<i64> = Vec::with_capacity(active.len());
        for set in &active {
            let left = to_add - added;
            let share = if to_add == 0 || left == 0 {
                0
            } else if to_add > 0 {
                self.share(set).min(left)
            } else {
                self.share(set).max(left)
            };
            sizes.push(replicas(set) + share);
            added += share;
        }
        if let Some(first) = sizes.first_mut() {
            *first = (*first + to_add - added).max(0);
        }
        let desired = self.replicas();
        let max = desired + self.max_surge();
        active
            .iter()
            .zip(sizes)
            .filter(|(set, new)| {
                replicas(set) != *new
                    || size(set, DESIRED) != Some(desired)
                    || size(set, MAX) != Some(max)
            })
            .map(|(set, size)| self.scale(set, size))
            .collect()
    }

    /// What a set's size changes by, to be as large a part of the new total as it was of the old.
    fn share(&self, set: &SetRef<'_>) -> i64 {
        let size_now = replicas(set);
        if self.replicas() == 0 {
            return -size_now;
        }
        let total = self.replicas() + self.max_surge();
        let was = size(set, MAX)
            .or_else(|| Some(count(&self.deployment.body.status, "replicas")))
            .filter(|was| *was > 0)
            .unwrap_or(total);
        // Rounded half up, in whole numbers.
        (2 * size_now * total + was) / (2 * was) - size_now
    }

    fn is_saturated(&self, new: &SetRef<'_>) -> bool {
        let wanted = self.replicas();
        size(new, DESIRED) == Some(wanted) && replicas(new) == wanted && available(new) == wanted
    }

    /// Deletes old sets beyond the history limit.
    pub(super) fn clean_up(&self) -> Vec<Action> {
        let limit = self.deployment.body.spec.revision_history_limit;
        let Some(limit) = limit.filter(|limit| *limit != i32::MAX) else {
            return Vec::new();
        };
        let mut old: Vec<&SetRef<'_>> = self.old.iter().filter(|set| !set.is_deleting()).collect();
        let surplus = old
            .len()
            .saturating_sub(usize::try_from(limit).unwrap_or(0));
        old.sort_by_key(|set| revision(set));
        let idle = |set: &&&SetRef<'_>| {
            let status = &set.body.status;
            replicas(set) == 0
                && count(status, "replicas") == 0
                && count(status, "observedGeneration") >= set.generation()
        };
        old.iter()
            .take(surplus)
            .filter(idle)
            .map(|set| Action::delete(*set))
            .collect()
    }
}

/// The available pods of a set.
pub(super) fn available(set: &SetRef<'_>) -> i64 {
    count(&set.body.status, "availableReplicas")
}
