//! Keeps the certificate in a Secret that all replicas share, and renews it in time.
//!
//! Every replica uses what the Secret holds (`follow`); the one that leads makes what should be in it
//! (`tend`). All writes carry the resource version that they are based on, so that two who tend at
//! the same time get in nobody's way.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use kube::{Api, Client, Resource, ResourceExt};
use kudo_api::ObjectMeta;
use kudo_api::names::FIELD_MANAGER;
use kudo_kube::error::{Cause, cause, message};
use kudo_plan::Backoff;
use tokio_util::sync::CancellationToken;

use super::pair::{Pair, Wanted, until};
use super::{Identity, trust};

const RETRIES: Backoff = Backoff {
    initial: Duration::from_millis(500),
    max: Duration::from_secs(30),
    factor: 2.0,
    jitter: 0.2,
};
/// Clocks are set now and then: no pause until a renewal is longer.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// Whoever has this annotation on a Secret renews the certificate in it.
const CERT_MANAGER: &str = "cert-manager.io/certificate-name";
/// Keys of the Secret's data, as cert-manager has them.
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const TRUSTED: &str = "ca.crt";

/// Where the certificate is kept, and what it is for.
#[derive(Clone)]
pub struct Keeper {
    /// Not held up by anything.
    pub client: Client,
    /// Namespace of the Secret.
    pub namespace: String,
    /// Name of the Secret.
    pub secret: String,
    /// Name of the webhook's configuration. It may be missing.
    pub configuration: String,
    /// Where the API server reaches the webhook, if not through its Service.
    pub url: Option<String>,
    /// What the certificate should be.
    pub wanted: Wanted,
}

/// Why the certificate is not as it should be. It is tried again.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error("cannot {doing}: {}", message(source))]
    Api {
        doing: String,
        source: Box<kube::Error>,
    },
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

impl Keeper {
    /// Uses what the Secret holds, now and whenever it changes, until the shutdown.
    pub async fn follow(self, identity: Identity, shutdown: CancellationToken) {
        let mut sights = std::pin::pin!(self.watch_secret());
        while let Some(Some(sight)) = shutdown.run_until_cancelled(sights.next()).await {
            let Some(pair) = sight.as_ref().and_then(pair_of) else {
                continue;
            };
            match identity.set(pair.certificate.as_bytes(), pair.key.as_bytes()) {
                Ok(()) => tracing::info!(secret = self.secret, "using the webhook's certificate"),
                Err(error) => {
                    tracing::warn!(secret = self.secret, %error, "cannot use the webhook's certificate");
                }
            }
        }
    }

    /// Sees to it that there is a certificate, that it is renewed in time, and that the API server trusts
    /// it, until the shutdown.
    pub async fn tend(self, shutdown: CancellationToken) {
        let mut news = std::pin::pin!(futures::stream::select(
            self.watch_secret().map(drop),
            self.watch_configuration().map(drop),
        ));
        let work = async {
            let mut failures = 0;
            loop {
                let pause = match self.tend_once().await {
                    Ok(pause) => {
                        failures = 0;
                        pause
                    }
                    Err(error) => {
                        failures += 1;
                        tracing::warn!(%error, "the webhook's certificate is not as it should be, trying again");
                        RETRIES.delay(failures, fastrand::u64(..))
                    }
                };
                if failures > 0 {
                    tokio::time::sleep(pause).await;
                } else {
                    // A watch that has ended would tell of news for ever.
                    let _ = tokio::time::timeout(pause, news.next()).await;
                }
            }
        };
        let _: Option<()> = shutdown.run_until_cancelled(work).await;
    }

    /// Brings everything in order; the time until the certificate is to be renewed.
    async fn tend_once(&self) -> Result<Duration, KeepError> {
        let now = Timestamp::now();
        let found = self
            .secrets()
            .get_opt(&self.secret)
            .await
            .map_err(failed(format!("read secret {}", self.secret)))?;
        let present = found.as_ref().and_then(pair_of);
        if found.as_ref().is_some_and(is_foreign) {
            if let Some(pair) = present {
                self.establish_trust(&pair.trusted, now).await?;
            }
            return Ok(LONGEST_PAUSE);
        }
        let flaw = present.as_ref().map(|pair| pair.flaw(&self.wanted, now));
        if let (Some(pair), Some(None)) = (&present, &flaw) {
            self.establish_trust(&pair.trusted, now).await?;
            let left = until(pair.renewal(&self.wanted, now), now);
            return Ok(left.clamp(Duration::from_secs(1), LONGEST_PAUSE));
        }
        let reason = flaw.flatten().map(|flaw| flaw.to_string());
        let pair = Pair::make(&self.wanted, present.as_ref(), now)?;
        // Trusted first, used afterwards: every replica uses it as soon as it is written.
        self.establish_trust(&pair.trusted, now).await?;
        self.write(found, &pair).await?;
        tracing::info!(
            secret = self.secret,
            replaces = reason.unwrap_or_else(|| "none".to_owned()),
            "made a certificate for the webhook"
        );
        Ok(Duration::from_secs(1))
    }

    async fn establish_trust(&self, bundle: &str, now: Timestamp) -> Result<(), KeepError> {
        let configurations = self.configurations();
        let found = configurations
            .get_opt(&self.configuration)
            .await
            .map_err(failed(format!(
                "read webhook configuration {}",
                self.configuration
            )))?;
        let Some(mut found) = found else {
            return Ok(());
        };
        let url = self.url.as_deref();
        if !trust::establish(&mut found.data, bundle, url, now) {
            return Ok(());
        }
        let doing = format!("change webhook configuration {}", self.configuration);
        configurations
            .replace(&self.configuration, &params(), &found)
            .await
            .map_err(failed(doing))?;
        tracing::info!(
            configuration = self.configuration,
            "the API server trusts the webhook"
        );
        Ok(())
    }

    async fn write(&self, found: Option<Secret>, pair: &Pair) -> Result<(), KeepError> {
        let doing = failed(format!("write secret {}", self.secret));
        let mut secret = found.unwrap_or_else(|| Secret {
            metadata: ObjectMeta {
                name: Some(self.secret.clone()),
                namespace: Some(self.namespace.clone()),
                labels: Some([("app".to_owned(), FIELD_MANAGER.to_owned())].into()),
                ..ObjectMeta::default()
            },
            type_: Some("kubernetes.io/tls".to_owned()),
            ..Secret::default()
        });
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        secret.data = Some(BTreeMap::from([
            (CERTIFICATE.to_owned(), bytes(&pair.certificate)),
            (KEY.to_owned(), bytes(&pair.key)),
            (TRUSTED.to_owned(), bytes(&pair.trusted)),
        ]));
        let secrets = self.secrets();
        let written = if secret.metadata.resource_version.is_some() {
            secrets.replace(&self.secret, &params(), &secret).await
        } else {
            secrets.create(&params(), &secret).await
        };
        match written {
            Ok(_) => Ok(()),
            // Another replica was faster: what it wrote is looked at next.
            Err(error) if matches!(cause(&error), Cause::Conflict | Cause::AlreadyExists) => Ok(()),
            Err(error) => Err(doing(error)),
        }
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Not typed: what this program does not know of stays as it is.
    fn configurations(&self) -> Api<DynamicObject> {
        let kind = ApiResource::erase::<MutatingWebhookConfiguration>(&());
        Api::all_with(self.client.clone(), &kind)
    }

    fn watch_secret(&self) -> impl Stream<Item = Option<Secret>> + use<> {
        sights(self.secrets(), &self.secret)
    }

    fn watch_configuration(&self) -> impl Stream<Item = Option<DynamicObject>> + use<> {
        sights(self.configurations(), &self.configuration)
    }
}

/// All states of an object from now on; a watch that fails is begun again.
fn sights<K>(api: Api<K>, name: &str) -> impl Stream<Item = Option<K>> + use<K>
where
    K: Resource + Clone + std::fmt::Debug + Send + serde::de::DeserializeOwned + 'static,
{
    watch_object(api, name)
        .default_backoff()
        .filter_map(|sight| std::future::ready(sight.ok()))
}

fn failed(doing: String) -> impl FnOnce(kube::Error) -> KeepError {
    |error| KeepError::Api {
        doing,
        source: Box::new(error),
    }
}

fn params() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}

fn is_foreign(secret: &Secret) -> bool {
    secret.annotations().contains_key(CERT_MANAGER)
}

/// What a Secret holds; without a `ca.crt` of its own a certificate can only be trusted for itself.
fn pair_of(secret: &Secret) -> Option<Pair> {
    let data = secret.data.as_ref()?;
    let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
    let certificate = text(CERTIFICATE)?;
    Some(Pair {
        key: text(KEY)?,
        trusted: text(TRUSTED).unwrap_or_else(|| certificate.clone()),
        certificate,
    })
}
