//! Admission webhooks of the runner's own: they answer what a case says, and keep what they were asked.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What a webhook of a case answers: that the request is allowed, unless the case says more.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Hook {
    /// Another status code than 200.
    code: Option<u16>,
    /// Merged into the review that allows the request.
    #[serde(default)]
    answer: Value,
    /// The operations of a JSON patch.
    patch: Option<Value>,
    /// Sent as it is instead of a review.
    raw: Option<String>,
    /// Another content type than JSON's.
    content_type: Option<String>,
    /// Milliseconds until it answers.
    #[serde(default)]
    delay: u64,
}

impl Hook {
    fn body(&self, review: &Value) -> String {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut answer = json!({
            "apiVersion": review["apiVersion"], "kind": review["kind"],
            "response": { "uid": review["request"]["uid"], "allowed": true },
        });
        if let Some(patch) = &self.patch {
            answer["response"]["patchType"] = "JSONPatch".into();
            answer["response"]["patch"] = STANDARD.encode(patch.to_string()).into();
        }
        merge(&mut answer, &self.answer);
        answer.to_string()
    }
}

/// Sets members; `null` removes one.
fn merge(into: &mut Value, change: &Value) {
    for (name, value) in change.as_object().into_iter().flatten() {
        match value {
            Value::Null => {
                into.as_object_mut().map(|members| members.remove(name));
            }
            Value::Object(_) if into[name].is_object() => merge(&mut into[name], value),
            other => into[name] = other.clone(),
        }
    }
}

/// The webhooks of one case on one server.
#[derive(Default)]
struct Answering {
    hooks: BTreeMap<String, Hook>,
    asked: Vec<Value>,
}

/// The webhooks of all cases that are being played, by the first part of their path.
type Answerings = Arc<Mutex<HashMap<String, Answering>>>;

/// An HTTPS server on loopback, and who vouches for it.
struct Listening {
    port: u16,
    authority: String,
}

/// Two servers of webhooks: one with a certificate that an authority signed, one with a certificate
/// that signed itself and calls itself an authority.
pub(crate) struct Hooks {
    signed: Listening,
    own: Listening,
    answerings: Answerings,
}

impl Hooks {
    /// Begins to listen.
    pub(crate) async fn start() -> Self {
        let answerings = Answerings::default();
        let authority_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "conformance webhooks");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(params, authority_key);

        let of_loopback = || CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let signed = of_loopback().signed_by(&key, &issuer).unwrap();
        let signed = listen(&answerings, &signed, &key, &authority).await;

        let key = KeyPair::generate().unwrap();
        let mut params = of_loopback();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).unwrap();
        let own = listen(&answerings, &own, &key, &own).await;
        Self {
            signed,
            own,
            answerings,
        }
    }

    /// Variables of a case: where its webhooks are, and who vouches for them.
    pub(crate) fn variables(&self, owner: &str) -> [(&'static str, String); 4] {
        let url = |listening: &Listening| format!("https://127.0.0.1:{}/{owner}", listening.port);
        [
            ("hooks", url(&self.signed)),
            ("ca", self.signed.authority.clone()),
            ("ownhooks", url(&self.own)),
            ("ownca", self.own.authority.clone()),
        ]
    }

    /// Answers from now on for a case as it is played on a server.
    pub(crate) fn answer(&self, owner: &str, hooks: BTreeMap<String, Hook>) {
        let asked = Vec::new();
        let mut answerings = self.answerings.lock().unwrap();
        answerings.insert(owner.to_owned(), Answering { hooks, asked });
    }

    /// Answers no longer.
    pub(crate) fn end(&self, owner: &str) {
        self.answerings.lock().unwrap().remove(owner);
    }

    /// What was asked since this was asked last: paths and reviews, in their order.
    pub(crate) fn take_asked(&self, owner: &str) -> Vec<Value> {
        let mut answerings = self.answerings.lock().unwrap();
        let answering = answerings.get_mut(owner);
        answering.map_or_else(Vec::new, |answering| std::mem::take(&mut answering.asked))
    }
}

/// Servers before 1.34 write a creation time that is not there as `null`.
fn without_no_times(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, member| name != "creationTimestamp" || !member.is_null());
            members.values_mut().for_each(without_no_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_no_times),
        _ => {}
    }
}

async fn listen(
    answerings: &Answerings,
    certificate: &rcgen::Certificate,
    key: &KeyPair,
    authority: &rcgen::Certificate,
) -> Listening {
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answerings = Arc::clone(answerings);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answerings) = (acceptor.clone(), Arc::clone(&answerings));
            tokio::spawn(async move {
                // A client that does not trust the certificate goes away.
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let service = service_fn(move |request| review(Arc::clone(&answerings), request));
                let connection = hyper::server::conn::http1::Builder::new();
                let _ = connection
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Listening {
        port,
        authority: STANDARD.encode(authority.pem()),
    }
}

async fn review(
    answerings: Answerings,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = |code: u16, media: &str, body: String| {
        let response = Response::builder()
            .status(code)
            .header("content-type", media);
        response.body(Full::from(body)).unwrap()
    };
    let target = request.uri().path_and_query().unwrap().to_string();
    let (owner, rest) = target[1..].split_once('/').unwrap_or_default();
    let (owner, rest) = (owner.to_owned(), format!("/{rest}"));
    let body = request.into_body().collect().await;
    let body = body.map(Collected::to_bytes).unwrap_or_default();
    let mut review: Value = serde_json::from_slice(&body).unwrap_or_default();
    // Who the runner is, is the server's affair.
    without_no_times(&mut review);
    if let Some(user) = review["request"]["userInfo"].as_object_mut() {
        user.retain(|field, _| field == "groups");
    }
    let hook = {
        let mut answerings = answerings.lock().unwrap();
        let answering = answerings.entry(owner).or_default();
        let asked = json!({ "hook": rest, "review": review });
        answering.asked.push(asked);
        let path = rest.split('?').next().unwrap_or_default();
        answering.hooks.get(path).cloned()
    };
    let Some(hook) = hook else {
        return Ok(answer(404, "text/plain", "no such hook".to_owned()));
    };
    tokio::time::sleep(Duration::from_millis(hook.delay)).await;
    let media = hook.content_type.as_deref().unwrap_or("application/json");
    Ok(answer(hook.code.unwrap_or(200), media, hook.body(&review)))
}
