//! Tokens on request: of a service account, for a while, and for as long as some object is there.

use http::Response;
use serde_json::{Value, json};

use super::reviews::texts;
use super::{Target, body};
use crate::field_error::{FieldError, invalid_status};
use crate::http::Call;
use crate::http::answer::{self, Body};
use crate::http::status::{Named, Refusal};
use crate::tokens::{AUDIENCE, Bond, Token};

/// How long a token lasts at least and at most, in seconds.
const SHORTEST: i64 = 600;
const LONGEST: i64 = 1 << 32;

/// What a token may be bound to: its kind, the word for it in tokens, and the resource.
const BINDERS: [(&str, &str, &str); 3] = [
    ("Node", "node", "nodes"),
    ("Pod", "pod", "pods"),
    ("Secret", "secret", "secrets"),
];

impl Call {
    /// Makes a token for a service account.
    pub(super) fn request_token(&self, target: &Target) -> Result<Response<Body>, Refusal> {
        let (namespace, name) = (target.namespace(), target.name());
        let mut request = body::parse(self)?;
        if !request.is_object() {
            return Err(Refusal::bad_request("an object is expected"));
        }
        self.check_room(target, name)?;
        let spec = &mut request["spec"];
        if texts(&spec["audiences"]).is_empty() {
            spec["audiences"] = json!([AUDIENCE]);
        }
        let seconds = spec["expirationSeconds"].as_i64().unwrap_or(3600);
        spec["expirationSeconds"] = seconds.into();
        check_life(seconds)?;
        let store = &self.server.store;
        let account = store
            .get(target.storage(), namespace, name)
            .ok_or_else(|| target.not_found())?;
        let account = Bond {
            kind: "serviceaccount",
            storage: "serviceaccounts",
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: account.bare()["metadata"]["uid"].take(),
        };
        // It is told even if it is nothing.
        let bound = &mut spec["boundObjectRef"];
        let is_bound = bound.is_object();
        let bound = is_bound.then(|| self.bound_object(namespace, bound));
        let id = self.server.chance.uid();
        let audiences = texts(&spec["audiences"]);
        let clock = self.server.clock;
        let token = Token::on_request(account, bound.transpose()?, audiences, &id, seconds, clock);
        let token = token.map_err(|error| Refusal::internal(&error.to_string()))?;
        let text = token.text.clone();
        self.server.add_token(token);
        request["kind"] = "TokenRequest".into();
        request["apiVersion"] = "authentication.k8s.io/v1".into();
        request["metadata"] = json!({ "name": name, "namespace": namespace });
        request["status"] = json!({
            "token": text, "expirationTimestamp": self.server.clock.text_in(seconds),
        });
        Ok(answer::json(201, &request))
    }

    /// What a token is to be bound to.
    fn bound_object(&self, namespace: &str, bound: &Value) -> Result<Bond, Refusal> {
        let text = |field: &str| bound[field].as_str().unwrap_or_default();
        let (version, kind, name) = (text("apiVersion"), text("kind"), text("name"));
        let known = BINDERS.iter().find(|(known, ..)| *known == kind);
        let Some(&(_, word, plural)) = known.filter(|_| version == "v1") else {
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            return Err(Refusal::bad_request(format!(
                "cannot bind token to object of type {group}/{version}, Kind={kind}"
            )));
        };
        let named = Named { group: "", plural };
        let namespace = if kind == "Node" { "" } else { namespace };
        let Some(entry) = self.server.store.get(plural, namespace, name) else {
            return Err(Refusal::not_found(named, name));
        };
        let (asked, known) = (text("uid"), entry.bare()["metadata"]["uid"].take());
        if asked.is_empty() || known == asked {
            return Ok(Bond {
                kind: word,
                storage: plural,
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                uid: known,
            });
        }
        let problem = format!(
            "the UID in the bound object reference ({asked}) does not match the UID in record. The \
             object might have been deleted and then recreated"
        );
        Err(Refusal::conflict(named, name, &problem))
    }
}

/// Whether a token may last so long.
fn check_life(seconds: i64) -> Result<(), Refusal> {
    let words = if seconds < SHORTEST {
        "may not specify a duration less than 10 minutes"
    } else if seconds > LONGEST {
        "may not specify a duration larger than 2^32 seconds"
    } else {
        return Ok(());
    };
    let error = FieldError::invalid("spec.expirationSeconds", &seconds.into(), words);
    let status = invalid_status("authentication.k8s.io", "TokenRequest", "", &[error]);
    Err(Refusal::whole(status))
}
