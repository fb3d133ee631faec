//! From an HTTP request to an answer: one handler for clients in this process and for sockets.

pub(crate) mod answer;
pub(crate) mod channels;
pub(crate) mod path;
pub(crate) mod serve;
pub(crate) mod status;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::sync::{Mutex, PoisonError};

use self::answer::Body;
use self::path::{Query, Route, route};
use self::status::Refusal;
use crate::admission::MUTATING;
use crate::cluster::Server;
use crate::depth::{self, MayBeDeep, Roomy};
use crate::rbac::User;

/// No body may be larger.
const BODY_LIMIT: usize = 3 * 1024 * 1024;
/// How long a client may take to send a body.
const BODY_PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const JSON_PATCH: &str = "application/json-patch+json";
pub(crate) const JSON: &str = "application/json";

/// One request, read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) server: Arc<Server>,
    pub(crate) method: Method,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) user: User,
    /// Whether something deep may come of it, although there was nothing of that kind before.
    pub(crate) may_deepen: bool,
    /// Told in headers, each once.
    warnings: Mutex<BTreeSet<String>>,
}

impl Call {
    pub(crate) fn warn(&self, text: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        warnings.insert(text);
    }

    pub(crate) fn header(&self, name: http::HeaderName) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    pub(crate) fn accept(&self) -> &str {
        self.header(ACCEPT)
    }

    /// The media type of the body, without parameters; all of what is said where that is none.
    pub(crate) fn content_type(&self) -> &str {
        let whole = self.header(CONTENT_TYPE);
        let mut parts = whole.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let mut parameters = parts.filter(|part| !part.is_empty());
        let is_one = !media.is_empty() && parameters.all(|parameter| parameter.contains('='));
        if is_one { media } else { whole }
    }

    /// Who writes, where the request does not say: the program's name.
    pub(crate) fn manager(&self) -> String {
        if let Some(name) = self.query.get("fieldManager") {
            return name.to_owned();
        }
        let agent = self.header(USER_AGENT);
        let name = agent.split('/').next().unwrap_or_default();
        if name.is_empty() { "unknown" } else { name }.to_owned()
    }
}

impl Server {
    /// Answers a request. `user` is who sends it, if the connection tells.
    pub(crate) async fn answer<B>(
        self: Arc<Self>,
        mut request: Request<B>,
        user: Option<User>,
    ) -> Response<Body>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let upgrade = request
            .extensions_mut()
            .remove::<hyper::upgrade::OnUpgrade>();
        let (mut parts, body) = request.into_parts();
        in_small_letters(&mut parts.headers);
        let user = match self.user(&parts.headers, parts.uri.path(), user) {
            Ok(user) => user,
            Err(refusal) => return answer::refusal(&refusal),
        };
        let body = Limited::new(body, BODY_LIMIT).collect();
        let Ok(body) = tokio::time::timeout(BODY_PATIENCE, body).await else {
            let message = "Timeout: request did not complete within the allotted timeout";
            return answer::refusal(&Refusal::new(504, "Timeout", message));
        };
        let body = match body {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                let message = format!("Request entity too large: limit is {BODY_LIMIT}");
                let refusal = Refusal::new(413, "RequestEntityTooLarge", message);
                return answer::refusal(&refusal);
            }
            Err(_) => return answer::refusal(&Refusal::bad_request("unexpected EOF")),
        };
        self.may_be_deep.note(depth::of_text(&body));
        let may_deepen = self.may_deepen(&parts.method, &parts.headers);
        let may_be_deep = if may_deepen {
            MayBeDeep::yes()
        } else {
            self.may_be_deep.clone()
        };
        let call = Call {
            server: self,
            method: parts.method,
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            headers: parts.headers,
            body,
            user,
            may_deepen,
            warnings: Mutex::default(),
        };
        let path = parts.uri.path().to_owned();
        Roomy::new(call.answer(path, upgrade), &may_be_deep).await
    }

    /// Whether a request may make a deep object of a shallow one, as a few operations of a JSON patch can,
    /// its own or that of a webhook.
    fn may_deepen(&self, method: &Method, headers: &HeaderMap) -> bool {
        let media = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
        if media.is_some_and(|media| media.starts_with(JSON_PATCH.as_bytes())) {
            return true;
        }
        let is_read = [Method::GET, Method::HEAD].contains(method);
        let webhooks = || self.store.list(MUTATING, "", None).objects;
        !is_read && !webhooks().is_empty()
    }
}

/// A media type is the same in letters of any size.
fn in_small_letters(headers: &mut HeaderMap) {
    let media = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let small = media.map(<[u8]>::to_ascii_lowercase);
    if let Some(Ok(small)) = small.map(|small| http::HeaderValue::from_bytes(&small)) {
        headers.insert(CONTENT_TYPE, small);
    }
}

impl Call {
    async fn answer(
        self,
        path: String,
        upgrade: Option<hyper::upgrade::OnUpgrade>,
    ) -> Response<Body> {
        let answered = self.dispatch(&path, upgrade).await;
        let mut response = answered.unwrap_or_else(|refusal| answer::refusal(&refusal));
        let warnings = self
            .warnings
            .lock()
            .map(|mut warnings| std::mem::take(&mut *warnings))
            .unwrap_or_default();
        answer::add_warnings(&mut response, warnings);
        if self.method == Method::HEAD {
            *response.body_mut() = http_body_util::Empty::new().boxed_unsync();
        } else if answer::is_yaml_wanted(&self.headers) {
            response = answer::to_yaml(response).await;
        }
        response
    }

    async fn dispatch(
        &self,
        path: &str,
        upgrade: Option<hyper::upgrade::OnUpgrade>,
    ) -> Result<Response<Body>, Refusal> {
        match route(path) {
            Route::Resource(path) => self.resource(path, upgrade).await,
            other => {
                self.authorize_path(path)?;
                if self.method != Method::GET && self.method != Method::HEAD {
                    return Err(Refusal::method_not_allowed());
                }
                Ok(self.discover(&other))
            }
        }
    }
}
