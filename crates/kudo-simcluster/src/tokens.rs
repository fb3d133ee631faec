//! Tokens: what lets somebody in, and whose it is.
//!
//! Those of service accounts are JSON Web Tokens. Their signature is a secret number: the server knows its
//! own tokens by their text, and nobody else has a key to check them with.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::cluster::Server;
use crate::rbac::User;

/// Whom a token is meant for that says nothing else: this server.
pub(crate) const AUDIENCE: &str = "https://kubernetes.default.svc";

/// The type of Secrets that hold a token of an account.
pub(crate) const SECRET_TYPE: &str = "kubernetes.io/service-account-token";
/// The annotation of such a Secret that names the account.
pub(crate) const ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";
/// The annotation of such a Secret that says which account of that name it is.
pub(crate) const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";

/// What the claims of a token in a Secret begin with.
const CLAIM: &str = "kubernetes.io/serviceaccount/";

/// What lets somebody in.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) user: User,
    /// Who may take it for what it says.
    pub(crate) audiences: Vec<String>,
    /// From when on it is good for nothing.
    pub(crate) expires: Option<Timestamp>,
    /// Objects without which it is good for nothing.
    pub(crate) bound_to: Vec<Bond>,
}

/// An object, and just that one.
#[derive(Clone, Debug)]
pub(crate) struct Bond {
    /// In the words of a token: `pod`.
    pub(crate) kind: &'static str,
    pub(crate) storage: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: Value,
}

impl Token {
    /// A token of an account as it is made on request: for so many seconds, and for as long as something
    /// else is there.
    pub(crate) fn on_request(
        account: Bond,
        bound: Option<Bond>,
        audiences: Vec<String>,
        id: &str,
        seconds: i64,
        clock: Clock,
    ) -> Result<Self, getrandom::Error> {
        let mut user = User::service_account(&account.namespace, &account.name);
        let now = clock.now().as_second();
        let mut claims = json!({
            "aud": audiences, "exp": now.saturating_add(seconds), "iat": now, "iss": AUDIENCE,
            "jti": id, "nbf": now, "sub": user.name,
            "kubernetes.io": { "namespace": account.namespace },
        });
        let mut know = |key: &str, value: &str| {
            let key = format!("authentication.kubernetes.io/{key}");
            user.extra.insert(key, vec![value.to_owned()]);
        };
        know("credential-id", &format!("JTI={id}"));
        let bound_to: Vec<Bond> = [account].into_iter().chain(bound).collect();
        for bond in &bound_to {
            let Bond {
                kind, name, uid, ..
            } = bond;
            claims["kubernetes.io"][kind] = json!({ "name": name, "uid": uid });
            if ["node", "pod"].contains(kind) {
                know(&format!("{kind}-name"), name);
                know(&format!("{kind}-uid"), uid.as_str().unwrap_or_default());
            }
        }
        Ok(Self {
            text: sign(&claims)?,
            user,
            audiences,
            expires: clock.time_in(seconds),
            bound_to,
        })
    }
}

/// The tokens that were given out and are in no Secret.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<Vec<Token>>);

impl Tokens {
    /// Adds one, and forgets those whose time is over.
    pub(crate) fn add(&self, token: Token, now: Timestamp) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|token| token.expires.is_none_or(|time| now < time));
        tokens.push(token);
    }

    fn find(&self, text: &str) -> Option<Token> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.iter().find(|known| known.text == text).cloned()
    }
}

/// A new token that says so.
pub(crate) fn sign(claims: &Value) -> Result<String, getrandom::Error> {
    let mut signature = [0; 32];
    getrandom::fill(&mut signature)?;
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let [header, claims] = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(signature);
    Ok(format!("{header}.{claims}.{signature}"))
}

/// What a token in a Secret says.
pub(crate) fn secret_claims(namespace: &str, secret: &str, account: &str, uid: &str) -> Value {
    let mut claims = json!({
        "iss": "kubernetes/serviceaccount",
        "sub": User::service_account(namespace, account).name,
    });
    for (claim, value) in [
        ("namespace", namespace),
        ("secret.name", secret),
        ("service-account.name", account),
        ("service-account.uid", uid),
    ] {
        claims[format!("{CLAIM}{claim}")] = value.into();
    }
    claims
}

fn claims_of(text: &str) -> Option<Value> {
    let claims = text.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

impl Server {
    pub(crate) fn add_token(&self, token: Token) {
        self.tokens.add(token, self.clock.now());
    }

    /// A token that is good still.
    pub(crate) fn token(&self, text: &str) -> Option<Token> {
        let token = self.tokens.find(text);
        let token = token.or_else(|| self.token_in_secret(text))?;
        let lasts = token.expires.is_none_or(|time| self.clock.now() < time);
        let is_there = |bond: &Bond| {
            let found = self.store.get(bond.storage, &bond.namespace, &bond.name);
            found.is_some_and(|entry| entry.bare()["metadata"]["uid"] == bond.uid)
        };
        (lasts && token.bound_to.iter().all(is_there)).then_some(token)
    }

    /// A token that is what the Secret holds which it names.
    fn token_in_secret(&self, text: &str) -> Option<Token> {
        let claims = claims_of(text)?;
        let claim = |name: &str| claims[format!("{CLAIM}{name}")].as_str();
        let (namespace, account) = (claim("namespace")?, claim("service-account.name")?);
        let secret = self
            .store
            .get("secrets", namespace, claim("secret.name")?)?;
        let secret = secret.bare();
        let annotations = &secret["metadata"]["annotations"];
        let is_good = secret["type"] == SECRET_TYPE
            && secret["data"]["token"] == STANDARD.encode(text)
            && annotations[ACCOUNT_NAME] == account
            && annotations[ACCOUNT_UID] == claim("service-account.uid")?
            && secret["metadata"]["deletionTimestamp"].is_null();
        is_good.then(|| Token {
            text: text.to_owned(),
            user: User::service_account(namespace, account),
            audiences: vec![AUDIENCE.to_owned()],
            expires: None,
            bound_to: vec![Bond {
                kind: "serviceaccount",
                storage: "serviceaccounts",
                namespace: namespace.to_owned(),
                name: account.to_owned(),
                uid: annotations[ACCOUNT_UID].clone(),
            }],
        })
    }

    /// Whose token it is, if it is meant for this server.
    pub(crate) fn owner_of(&self, token: &str) -> Option<User> {
        let token = self.token(token)?;
        let is_for_us = token.audiences.iter().any(|audience| audience == AUDIENCE);
        is_for_us.then_some(token.user)
    }
}
