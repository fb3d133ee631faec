//! What could be read of a package whose files hold errors.

use super::{PARAMS_FILE, Package, TEMPLATES_FOLDER};
use super::{group_address, operator_address, parameter_address};
use crate::diagnostic::Diagnostic;

/// What could be read of a package whose files hold errors: enough to verify the rest of it, so that
/// all mistakes are told at once.
///
/// Verification of it repeats what reading found, and says nothing that may only come from a part
/// that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft(Box<Package>);

impl Draft {
    pub(super) fn new(package: Package) -> Self {
        Self(Box::new(package))
    }

    /// What could be read; good for verification only.
    pub fn package(&self) -> &Package {
        &self.0
    }

    /// What reading the files found.
    pub fn findings(&self) -> &[Diagnostic] {
        &self.0.findings
    }
}

/// Whether all of a kind is known, so that what is not there is missing. Of a package that loaded,
/// everything is.
impl Package {
    /// Whether the names of all tasks could be read.
    pub fn knows_tasks(&self) -> bool {
        let read = |index| self.is_read(&operator_address(&format!("tasks/{index}/name")));
        self.is_read(&operator_address("tasks")) && (0..self.definition.tasks.len()).all(read)
    }

    /// Whether all that the tasks do could be read.
    pub fn knows_task_specs(&self) -> bool {
        self.is_read(&operator_address("tasks"))
            && (0..self.definition.tasks.len()).all(|index| self.knows_task_spec(index))
    }

    /// Whether all that one task does could be read.
    pub fn knows_task_spec(&self, index: usize) -> bool {
        let address = operator_address(&format!("tasks/{index}/spec"));
        !self.locations.is_partly_unread(&address)
    }

    /// Whether all plans could be read, with all that is in them.
    pub fn knows_plans(&self) -> bool {
        !self.locations.is_partly_unread(&operator_address("plans"))
    }

    /// Whether the names of all parameters could be read.
    pub fn knows_parameters(&self) -> bool {
        let read = |index| self.is_read(&parameter_address(index, "name"));
        self.is_read(&format!("{PARAMS_FILE}#/parameters"))
            && (0..self.definition.parameters.len()).all(read)
    }

    /// Whether the names of all groups could be read.
    pub fn knows_groups(&self) -> bool {
        let read = |index| self.is_read(&group_address(index, "name"));
        self.is_read(&format!("{PARAMS_FILE}#/groups")) && (0..self.groups.len()).all(read)
    }

    /// Whether these fields of a parameter could be read.
    pub fn knows_parameter(&self, index: usize, fields: &[&str]) -> bool {
        let mut addresses = fields.iter().map(|field| parameter_address(index, field));
        addresses.all(|address| !self.locations.is_partly_unread(&address))
    }

    /// Whether a template could be read, or is known not to be there.
    pub fn knows_template(&self, name: &str) -> bool {
        self.is_read(&format!("{TEMPLATES_FOLDER}/{name}"))
    }

    /// Whether all templates could be read.
    pub fn knows_templates(&self) -> bool {
        !self.locations.is_partly_unread(TEMPLATES_FOLDER)
    }

    /// Whether a part could be read, or is known not to be there.
    pub fn is_read(&self, address: &str) -> bool {
        !self.locations.is_unread(address)
    }
}
