//! What webhooks answer: whether it is a review at all, and what it says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::caller::Said;
use crate::depth;
use crate::go_json;
use crate::http::status::Refusal;

/// Where the server that is looked up to keeps the kinds of reviews.
const SCHEME: &str = "k8s.io/apiserver/pkg/util/webhook/client.go:71";

/// What a webhook wants.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) allowed: bool,
    pub(super) warnings: Vec<String>,
    /// The text of a JSON patch.
    pub(super) patch: Option<Vec<u8>>,
    pub(super) patch_type: String,
    status: Value,
}

/// Reads the answer to a review; what is wrong follows `failed calling webhook "<name>": `.
pub(super) fn read(
    said: &Said,
    version: &str,
    uid: &str,
    mutating: bool,
) -> Result<Verdict, String> {
    let failed = |problem: String| format!("failed to call webhook: {problem}");
    let review = review(said).map_err(failed)?;
    check_kind(&review, version).map_err(failed)?;
    let invalid = |problem: String| format!("received invalid webhook response: {problem}");
    check(&review, version, uid, mutating).map_err(invalid)?;
    let response = &review["response"];
    let warnings = response["warnings"].as_array().into_iter().flatten();
    let patch = response["patch"].as_str().filter(|text| !text.is_empty());
    Ok(Verdict {
        allowed: response["allowed"] == true,
        warnings: warnings
            .filter_map(|text| text.as_str().map(ToOwned::to_owned))
            .collect(),
        patch: patch.map(|text| STANDARD.decode(text).unwrap_or_default()),
        patch_type: match response["patchType"].as_str() {
            // In the older version it need not be told.
            _ if version == "v1beta1" => "JSONPatch".to_owned(),
            said => said.unwrap_or_default().to_owned(),
        },
        status: response["status"].clone(),
    })
}

/// The body of an answer, in the words of Go's client if it is none.
fn review(said: &Said) -> Result<Value, String> {
    if !(200..=206).contains(&said.code) {
        let status = serde_json::from_slice::<Value>(&said.body).unwrap_or_default();
        return Err(match (status["kind"] == "Status", &status["message"]) {
            (true, Value::String(message)) => message.clone(),
            _ => code_words(said),
        });
    }
    if said.body.is_empty() {
        let (code, content_type) = (said.code, &said.content_type);
        return Err(format!(
            "0-length response with status code: {code} and content type: {content_type}"
        ));
    }
    let no_kind = |fault: &str| format!("couldn't get version/kind; json parse error: {fault}");
    let review = match depth::read(&said.body) {
        Ok(review) => review,
        Err(error) if said.body.starts_with(b"{") => {
            let fault = go_json::fault(&said.body).unwrap_or_else(|| error.to_string());
            return Err(no_kind(&fault));
        }
        // Anything else is a text in YAML.
        Err(_) => Value::String(String::new()),
    };
    if !review.is_object() {
        return Err(no_kind(&go_json::no_object(&review)));
    }
    Ok(review)
}

/// Whether what was answered can be read as the review that was asked for.
fn check_kind(review: &Value, version: &str) -> Result<(), String> {
    let text = |field: &str| review[field].as_str().unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let short = api_version.rsplit('/').next().unwrap_or_default();
    if api_version.is_empty() && kind.is_empty() {
        return Ok(());
    }
    let known = matches!(
        (api_version, kind),
        (
            "admission.k8s.io/v1" | "admission.k8s.io/v1beta1",
            "AdmissionReview"
        ) | (
            "v1",
            "Status" | "APIVersions" | "APIGroup" | "APIGroupList" | "APIResourceList"
        )
    );
    if !known {
        return Err(format!(
            "no kind {kind:?} is registered for version {api_version:?} in scheme {SCHEME:?}"
        ));
    }
    if short == version && kind == "AdmissionReview" {
        return Ok(());
    }
    Err(format!(
        "converting ({short}.{kind}) to ({version}.AdmissionReview): unknown conversion"
    ))
}

/// What Go's client makes of a status code.
fn code_words(said: &Said) -> String {
    let text = String::from_utf8_lossy(&said.body);
    let text = match text.trim() {
        text if said.content_type.starts_with("text/") && !text.is_empty() => text,
        _ => "unknown",
    };
    match said.code {
        409 => "the server reported a conflict".to_owned(),
        404 => "the server could not find the requested resource".to_owned(),
        400 => "the server rejected our request for an unknown reason".to_owned(),
        401 => "the server has asked for the client to provide credentials".to_owned(),
        403 | 415 => text.to_owned(),
        405 => "the server does not allow this method on the requested resource".to_owned(),
        422 => "the server rejected our request due to an error in our request".to_owned(),
        503 => "the server is currently unable to handle the request".to_owned(),
        504 => "the server was unable to return a response in the time allotted, but may still be \
                processing the request"
            .to_owned(),
        429 => "the server has received too many requests and has asked us to try again later"
            .to_owned(),
        500.. => {
            format!("an error on the server ({text:?}) has prevented the request from succeeding")
        }
        code => format!(
            "the server responded with the status code {code} but did not return more information"
        ),
    }
}

/// Whether a review is one of the version that was asked for, and answers the question.
fn check(review: &Value, version: &str, uid: &str, mutating: bool) -> Result<(), String> {
    let response = &review["response"];
    if !response.is_object() {
        return Err("webhook response was absent".to_owned());
    }
    // In the older version an answer need not say what it answers.
    if version != "v1" {
        return Ok(());
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let answered = text(&response["uid"]);
    if answered != uid {
        return Err(format!("expected response.uid={uid:?}, got {answered:?}"));
    }
    let (api_version, kind) = (text(&review["apiVersion"]), text(&review["kind"]));
    if api_version != "admission.k8s.io/v1" || kind != "AdmissionReview" {
        let shown = if api_version.contains('/') {
            api_version
        } else {
            format!("/{api_version}")
        };
        return Err(format!(
            "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got \
             {shown}, Kind={kind}"
        ));
    }
    let has_patch = !text(&response["patch"]).is_empty();
    let patch_type = response["patchType"].as_str();
    let problem = match (mutating, has_patch, patch_type) {
        (true, true, None) => "webhook returned response.patch but not response.patchType",
        (true, false, Some(_)) => "webhook returned response.patchType but not response.patch",
        (true, true, Some("")) => "webhook returned invalid response.patchType of \"\"",
        (false, true, _) => "validating webhook may not return response.patch",
        (false, false, Some(_)) => "validating webhook may not return response.patchType",
        _ => return Ok(()),
    };
    Err(problem.to_owned())
}

impl Verdict {
    /// The refusal that a webhook asks for.
    pub(super) fn denied(&self, name: &str) -> Refusal {
        let status = &self.status;
        let text = |field: &str| status[field].as_str().filter(|text| !text.is_empty());
        let denied = format!("admission webhook {name:?} denied the request");
        let message = match text("message").or(text("reason")) {
            Some(said) => format!("{denied}: {said}"),
            None => format!("{denied} without explanation"),
        };
        let code = status["code"].as_u64().filter(|code| *code >= 400);
        let mut whole = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "code": code.unwrap_or(400),
        });
        for field in ["reason", "details"] {
            if !status[field].is_null() {
                whole[field] = status[field].clone();
            }
        }
        Refusal::whole(whole)
    }
}
