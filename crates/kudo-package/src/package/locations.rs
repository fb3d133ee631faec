//! Where each part of a package is written.

use std::collections::HashMap;

use super::{OPERATOR_FILE, PARAMS_FILE};
use crate::diagnostic::Location;
use crate::yaml::Mark;

/// Where each part of a package is written, by address: the file, then the path within it, as in
/// `params.yaml#/parameters/3/name`; within names `~` is written `~0` and `/` is written `~1`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locations(HashMap<String, (&'static str, Mark)>);

impl Locations {
    pub(super) fn insert(&mut self, address: String, file: &'static str, mark: Mark) {
        self.0.insert(address, (file, mark));
    }

    /// The place of a part, or of the nearest part around it that is written.
    pub fn find(&self, address: &str) -> Option<Location> {
        let mut address = address;
        loop {
            if let Some((file, mark)) = self.0.get(address) {
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
        self.0.contains_key(address)
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
