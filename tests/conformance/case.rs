//! Cases as they are written: one YAML file each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kudo_package::yaml;
use serde::Deserialize;
use serde_json::Value;

use crate::hooks::Hook;
use crate::versions::Version;

/// A file of the corpus.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// `<area>/<case>`.
    pub(crate) name: String,
    /// The file's text: what a server repeats of it is no chance.
    pub(crate) text: String,
    pub(crate) script: Script,
}

/// What a file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Script {
    /// What the case shows, in one sentence.
    pub(crate) about: String,
    /// Compares who owns which fields, too. Servers of different versions default different
    /// fields, so this is for cases about field management alone.
    #[serde(default)]
    pub(crate) managed_fields: bool,
    /// Webhooks by their path below `$hooks`.
    #[serde(default)]
    pub(crate) hooks: BTreeMap<String, Hook>,
    pub(crate) steps: Vec<Step>,
}

/// One request, one watch, the events of a watch opened before, or what webhooks were asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Step {
    /// Method and path.
    pub(crate) request: Option<String>,
    /// The same request to a server that does not serve that version of the API as yet.
    pub(crate) older: Option<Older>,
    /// The path of a watch; without `name` its events are read at once.
    pub(crate) watch: Option<String>,
    /// Names a watch that goes on while later steps are done.
    pub(crate) name: Option<String>,
    /// Reads the events of the watch of that name.
    pub(crate) collect: Option<String>,
    /// Shows what webhooks were asked at the last request.
    #[serde(default)]
    pub(crate) asked: bool,
    /// How many events are read.
    #[serde(default)]
    pub(crate) events: usize,
    /// Reads until a bookmark instead.
    #[serde(default)]
    pub(crate) bookmark: bool,
    /// Reads until the server ends the watch instead.
    #[serde(default)]
    pub(crate) end: bool,

    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Sent as JSON.
    pub(crate) body: Option<Value>,
    /// Sent as it is.
    pub(crate) raw: Option<Raw>,

    /// The status code of the real server; any 2xx if it is not given.
    pub(crate) code: Option<u16>,
    /// Repeats the request until these places have these values; `code` is the status code, and
    /// `null` an absent place; `asked` the path of a webhook that must have been asked.
    #[serde(default)]
    pub(crate) until: BTreeMap<String, Value>,
    /// Variables from places in the answer.
    #[serde(default)]
    pub(crate) capture: BTreeMap<String, String>,

    /// Compares only these places.
    #[serde(default)]
    pub(crate) only: Vec<String>,
    /// Does not compare these places, each for a reason.
    #[serde(default)]
    pub(crate) ignore: BTreeMap<String, String>,
    /// What newer servers answer.
    pub(crate) differs: Option<Differs>,
}

impl Step {
    /// Method and path for a server of some version.
    pub(crate) fn request_of(&self, version: Version) -> &str {
        let older = self.older.as_ref();
        let older = older.filter(|older| version < Version::parse(&older.than));
        let own = self.request.as_deref().unwrap_or_default();
        older.map_or(own, |older| &older.request)
    }
}

/// What is asked of older servers in place of the request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Older {
    /// The first version that serves the step's own request.
    pub(crate) than: String,
    pub(crate) request: String,
}

/// A body that is not made from YAML.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Raw {
    #[serde(default)]
    pub(crate) before: String,
    #[serde(default)]
    pub(crate) repeat: String,
    #[serde(default)]
    pub(crate) times: usize,
    #[serde(default)]
    pub(crate) inside: String,
    /// Repeated as often.
    #[serde(default)]
    pub(crate) close: String,
    #[serde(default)]
    pub(crate) after: String,
}

/// How the answer of newer servers differs from an older one's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Differs {
    /// The first version that answers so.
    pub(crate) since: String,
    pub(crate) why: String,
    pub(crate) code: Option<u16>,
    /// The whole answer, or all events.
    pub(crate) body: Option<Value>,
    /// Values at places.
    #[serde(default)]
    pub(crate) set: BTreeMap<String, Value>,
    /// Places that are no more.
    #[serde(default)]
    pub(crate) remove: Vec<String>,
    /// Places not to be compared.
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
    pub(crate) content_type: Option<String>,
    /// `Warning` headers.
    pub(crate) warnings: Option<Vec<String>>,
}

/// Why the corpus cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaseError {
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}: {message}", path.display())]
    Bad { path: PathBuf, message: String },
}

/// Reads every case below a folder.
pub(crate) fn read_all(folder: &Path) -> Result<Vec<Case>, CaseError> {
    let paths = crate::files(folder, "yaml");
    paths.iter().map(|path| read(folder, path)).collect()
}

fn read(folder: &Path, path: &Path) -> Result<Case, CaseError> {
    let (text, script) = read_yaml::<Script>(path)?;
    let bad = |message: String| CaseError::Bad {
        path: path.to_owned(),
        message,
    };
    for (index, step) in script.steps.iter().enumerate() {
        let what = [&step.request, &step.watch, &step.collect];
        let what = what.iter().filter(|what| what.is_some()).count();
        if what + usize::from(step.asked) != 1 {
            let message = "either request, watch, collect or asked";
            return Err(bad(format!("step {}: {message}", index + 1)));
        }
    }
    let name = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    Ok(Case {
        name: name.to_string_lossy().into_owned(),
        text,
        script,
    })
}

/// Reads a file that must be of a certain form.
pub(crate) fn read_yaml<T: serde::de::DeserializeOwned>(
    path: &Path,
) -> Result<(String, T), CaseError> {
    let io = |source| CaseError::Io {
        path: path.to_owned(),
        source,
    };
    let text = std::fs::read_to_string(path).map_err(io)?;
    let bad = |message: String| CaseError::Bad {
        path: path.to_owned(),
        message,
    };
    let value = yaml::parse(&text).map_err(|error| bad(error.to_string()))?;
    let parsed = serde_json::from_value(value).map_err(|error| bad(error.to_string()))?;
    Ok((text, parsed))
}
