//! Lists of a version that is past: further pages, and exact versions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Target;
use crate::go_json;
use crate::http::Call;
use crate::http::status::Refusal;
use crate::store::{Entry, Key, Snapshot};

const TOKEN_VERSION: &str = "meta.k8s.io/v1";
/// The version of a list that goes on although what it began with is lost.
const INCONSISTENT: i64 = -1;

/// Where a list goes on.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The version of the list; nothing if it goes on with what there is by now.
    version: Option<u64>,
    after: Key,
}

impl Place {
    /// Reads the `continue` of a request.
    pub(super) fn read(token: &str) -> Result<Self, Refusal> {
        let bad = |problem: &str| {
            let problem = format!("invalid continue token: continue key is not valid: {problem}");
            Refusal::bad_request(problem)
        };
        let text = URL_SAFE_NO_PAD.decode(token.trim_end_matches('='));
        let text = text.map_err(|_| bad("illegal base64 data at input byte 0"))?;
        if let Some(fault) = go_json::fault(&text) {
            return Err(bad(&fault));
        }
        let token: Value = serde_json::from_slice(&text).unwrap_or_default();
        let version = token["v"].as_str().unwrap_or_default();
        if version != TOKEN_VERSION {
            let problem = format!("server does not recognize this encoded version {version:?}");
            return Err(bad(&problem));
        }
        let version = match token["rv"].as_i64() {
            Some(INCONSISTENT) => None,
            Some(version) if version > 0 => u64::try_from(version).ok(),
            _ => {
                let problem = "incorrect encoded start resourceVersion (version meta.k8s.io/v1)";
                return Err(bad(problem));
            }
        };
        let start = token["start"].as_str().unwrap_or_default();
        if start.is_empty() {
            return Err(bad("encoded start key empty (version meta.k8s.io/v1)"));
        }
        let place = start.trim_end_matches('\0').split_once('/');
        let (namespace, name) = place.ok_or_else(|| bad(start))?;
        let after = (namespace.into(), name.into());
        Ok(Self { version, after })
    }

    /// The token of what follows an object in a list of a version.
    pub(super) fn token(version: u64, last: &Entry) -> String {
        encoded(&version.into(), &last.key())
    }
}

fn encoded(version: &Value, (namespace, name): &Key) -> String {
    let token = json!({
        "v": TOKEN_VERSION, "rv": version, "start": format!("{namespace}/{name}\u{0}"),
    });
    URL_SAFE_NO_PAD.encode(token.to_string())
}

impl Call {
    /// The objects of a list in the version that the request means.
    pub(super) fn snapshot(
        &self,
        target: &Target,
        limit: usize,
        place: Option<&Place>,
    ) -> Result<Snapshot, Refusal> {
        let store = &self.server.store;
        let at =
            |version, after| store.list_at(target.storage(), target.namespace(), after, version);
        if let Some(place) = place {
            let Some(version) = place.version else {
                let after = Some(&place.after);
                return Ok(store.list(target.storage(), target.namespace(), after));
            };
            return at(version, Some(&place.after)).ok_or_else(|| {
                let problem = "The provided continue parameter is too old to display a consistent \
                               list result. You can start a new list without the continue \
                               parameter, or use the continue token in this response to retrieve \
                               the remainder of the results. Continuing with the provided token \
                               results in an inconsistent list - objects that were created, \
                               modified, or deleted between the time the first chunk was returned \
                               and now may show up in the list.";
                let rest = encoded(&INCONSISTENT.into(), &place.after);
                Refusal::expired(problem).with_rest(rest)
            });
        }
        match self.exact_version(limit) {
            None => Ok(store.list(target.storage(), target.namespace(), None)),
            Some(version) => at(version, None).ok_or_else(|| {
                Refusal::expired("The resourceVersion for the provided list is too old.")
            }),
        }
    }

    /// The version that a list must be of. One that names a limit and no rule means its version
    /// exactly.
    fn exact_version(&self, limit: usize) -> Option<u64> {
        let version = self.query.get("resourceVersion")?.parse().ok()?;
        let is_exact = match self.query.get("resourceVersionMatch") {
            Some(rule) => rule == "Exact",
            None => limit > 0,
        };
        (is_exact && version > 0).then_some(version)
    }
}
