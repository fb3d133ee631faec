//! Where each part of a package is written.

use std::collections::{BTreeSet, HashMap};

use super::{OPERATOR_FILE, PARAMS_FILE};
use crate::diagnostic::Location;
use crate::yaml::Mark;

/// Where each part of a package is written, by address: the file, then the path within it, as in
/// `params.yaml#/parameters/3/name`; within names `~` is written `~0` and `/` is written `~1`.
///
/// Files themselves are addressed as `templates/app.yaml`, and `operator.yaml#` is all that
/// `operator.yaml` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locations {
    places: HashMap<String, (&'static str, Mark)>,
    /// What is written but could not be read. Of a package that loaded, nothing.
    unread: BTreeSet<String>,
}

impl Locations {
    pub(super) fn insert(&mut self, address: String, file: &'static str, mark: Mark) {
        self.places.insert(address, (file, mark));
    }

    pub(super) fn mark_unread(&mut self, address: String) {
        self.unread.insert(address);
    }

    /// Whether a part could not be read, by itself or with what is around it: that it is not there
    /// tells nothing.
    pub fn is_unread(&self, address: &str) -> bool {
        let mut address = address;
        loop {
            if self.unread.contains(address) {
                return true;
            }
            match address.rfind('/') {
                Some(end) => address = &address[..end],
                None => return false,
            }
        }
    }

    /// Whether a part could not be read as a whole: it, what is around it, or something in it.
    pub fn is_partly_unread(&self, address: &str) -> bool {
        let inside = format!("{}/", address.trim_end_matches('/'));
        let first_inside = self.unread.range(inside.clone()..).next();
        first_inside.is_some_and(|first| first.starts_with(&inside)) || self.is_unread(address)
    }

    /// The place of a part, or of the nearest part around it that is written.
    pub fn find(&self, address: &str) -> Option<Location> {
        let mut address = address;
        loop {
            if let Some((file, mark)) = self.places.get(address) {
                return Some(Location::at(*file, *mark));
            }
            match address.rfind('/') {
                Some(end) => address = &address[..end],
                None => return address.strip_suffix('#').map(Location::file),
            }
        }
    }

    /// Whether the part itself is written.
    pub fn contains(&self, address: &str) -> bool {
        self.places.contains_key(address)
    }
}

/// The address of a part of `operator.yaml`, such as `tasks/0/name`.
pub fn operator_address(rest: &str) -> String {
    format!("{OPERATOR_FILE}#/{rest}")
}

/// The address of a part of a plan, such as `phases/0/name`.
pub fn plan_address(plan: &str, rest: &str) -> String {
    let plan = plan.replace('~', "~0").replace('/', "~1");
    operator_address(&format!("plans/{plan}/{rest}"))
}

/// The address of a field of a parameter, by the parameter's index.
pub fn parameter_address(index: usize, field: &str) -> String {
    format!("{PARAMS_FILE}#/parameters/{index}/{field}")
}

/// The address of a field of a group, by the group's index.
pub fn group_address(index: usize, field: &str) -> String {
    format!("{PARAMS_FILE}#/groups/{index}/{field}")
}
