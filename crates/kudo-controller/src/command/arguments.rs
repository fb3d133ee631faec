//! The grammar of `kudo-manager`'s command line. Every flag can be set by an environment variable, too.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser};
use kudo_api::names::read_namespace_name;
use kudo_template::pipe_pod::WAITER_IMAGE;

use crate::election::{Timing, TimingError};
use crate::logging::LogFormat;

const EXAMPLES: &str = "\
Examples:
  # Look after a cluster from outside of it (`kubectl kudo init --crd-only` has defined its kinds)
  kudo-manager --kubeconfig ~/.kube/config

  # Look after two namespaces, as one of several replicas
  kudo-manager --namespaces databases,queues --leader-elect

  # Answer the API server's questions on this machine, with a certificate of its own
  kudo-manager --webhook-address 127.0.0.1:9443 --webhook-url https://127.0.0.1:9443";

/// Runs the plans of KUDO instances.
#[derive(Debug, Parser)]
#[command(name = "kudo-manager", version, about, max_term_width = 100, after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Namespaces whose instances to look after, separated by commas; all if none is given
    #[arg(
        long,
        env = "KUDO_NAMESPACES",
        value_delimiter = ',',
        value_name = "NAMESPACE",
        value_parser = read_namespace_name
    )]
    namespaces: Vec<String>,
    /// How many requests to the API server may be under way at a time
    #[arg(long, env = "KUDO_WORKERS", default_value_t = 64, value_parser = workers)]
    pub(super) workers: usize,
    /// Kubeconfig file [default: $KUBECONFIG, ~/.kube/config, or the pod's service account]
    #[arg(long, env = "KUDO_KUBECONFIG", value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig file
    #[arg(long, env = "KUDO_CONTEXT", value_name = "NAME")]
    pub(super) context: Option<String>,
    /// Namespace of the manager's own Lease and Secret
    #[arg(
        long,
        env = "POD_NAMESPACE",
        value_name = "NAMESPACE",
        default_value = "kudo-system"
    )]
    pub(super) system_namespace: String,
    /// Address at which to serve /metrics; "0" serves none
    #[arg(long, env = "KUDO_METRICS_ADDRESS", default_value = "0.0.0.0:8080", value_parser = address)]
    pub(super) metrics_address: Address,
    /// Address at which to serve /healthz and /readyz; "0" serves none
    #[arg(long, env = "KUDO_PROBE_ADDRESS", default_value = "0.0.0.0:8081", value_parser = address)]
    pub(super) probe_address: Address,
    /// Image of the container that keeps the pod of a Pipe task until its files are copied; it needs sh,
    /// sleep and tar
    #[arg(long, env = "KUDO_PIPE_IMAGE", value_name = "IMAGE", default_value = WAITER_IMAGE)]
    pub(super) pipe_image: String,
    /// What a line of the log looks like
    #[arg(long, env = "KUDO_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(super) log_format: LogFormat,
    /// What to log: error, warn, info, debug, trace, or directives such as info,kube=debug
    #[arg(long, env = "KUDO_LOG_LEVEL", default_value = "info")]
    pub(super) log_level: String,
    /// Accepted for the original's sake, and without effect: nothing is looked at periodically
    #[arg(long, env = "KUDO_SYNCPERIOD", value_name = "TIME")]
    pub(super) sync_period: Option<String>,
    #[command(flatten)]
    pub(super) election: ElectionArguments,
    #[command(flatten)]
    pub(super) webhook: WebhookArguments,
}

/// Flags about several replicas; the names are those of Kubernetes' own components.
#[derive(Debug, Args)]
#[command(next_help_heading = "Leader election")]
pub(super) struct ElectionArguments {
    /// Act only while holding a Lease, so that of several replicas one acts
    #[arg(
        long,
        env = "KUDO_LEADER_ELECT",
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        hide_possible_values = true
    )]
    pub(super) leader_elect: bool,
    /// How long a Lease that is not renewed keeps others from taking over
    #[arg(long = "leader-elect-lease-duration", env = "KUDO_LEADER_ELECT_LEASE_DURATION", value_name = "TIME", value_parser = duration, default_value = "10s")]
    lease_duration: Duration,
    /// How long the leader acts after its last renewal of the Lease
    #[arg(long = "leader-elect-renew-deadline", env = "KUDO_LEADER_ELECT_RENEW_DEADLINE", value_name = "TIME", value_parser = duration, default_value = "7s")]
    renew_deadline: Duration,
    /// Pause between renewals
    #[arg(long = "leader-elect-retry-period", env = "KUDO_LEADER_ELECT_RETRY_PERIOD", value_name = "TIME", value_parser = duration, default_value = "2s")]
    retry_period: Duration,
    /// Name of the Lease
    #[arg(
        long = "leader-elect-resource-name",
        env = "KUDO_LEADER_ELECT_RESOURCE_NAME",
        value_name = "NAME",
        default_value = "kudo-manager"
    )]
    pub(super) resource_name: String,
    /// Namespace of the Lease [default: the system namespace]
    #[arg(
        long = "leader-elect-resource-namespace",
        env = "KUDO_LEADER_ELECT_RESOURCE_NAMESPACE",
        value_name = "NAMESPACE"
    )]
    pub(super) resource_namespace: Option<String>,
}

impl Arguments {
    /// The namespaces to look after, each once; none means all.
    pub(super) fn namespaces(&self) -> Vec<String> {
        let mut namespaces = self.namespaces.clone();
        namespaces.retain(|name| !name.is_empty());
        namespaces.sort();
        namespaces.dedup();
        namespaces
    }
}

impl ElectionArguments {
    /// The times, if they go together.
    pub(super) fn timing(&self) -> Result<Timing, TimingError> {
        let timing = Timing {
            lease: self.lease_duration,
            deadline: self.renew_deadline,
            retry: self.retry_period,
        };
        timing.check()
    }
}

/// Flags about the admission webhook.
#[derive(Debug, Args)]
#[command(next_help_heading = "Admission webhook")]
pub(super) struct WebhookArguments {
    /// Address at which to answer the API server's questions about changes of instances; "0" answers none
    /// [default: 0.0.0.0:443 with --webhook-cert-dir, otherwise 0]
    #[arg(long = "webhook-address", env = "KUDO_WEBHOOK_ADDRESS", value_name = "ADDRESS", value_parser = address)]
    address: Option<Address>,
    /// Folder with tls.crt and tls.key, read again when they change. Without it the manager makes, keeps
    /// and renews a certificate of its own, and lets the API server trust it
    #[arg(long = "webhook-cert-dir", env = "KUDO_CERT_DIR", value_name = "DIR")]
    pub(super) cert_dir: Option<PathBuf>,
    /// URL at which the API server reaches the webhook, if not through its Service
    #[arg(long = "webhook-url", env = "KUDO_WEBHOOK_URL", value_name = "URL", conflicts_with = "cert_dir", value_parser = url)]
    pub(super) url: Option<WebhookUrl>,
    /// Name of the Service through which the API server reaches the webhook
    #[arg(
        long = "webhook-service",
        env = "KUDO_WEBHOOK_SERVICE",
        value_name = "NAME",
        default_value = "kudo-controller-manager-service"
    )]
    pub(super) service: String,
    /// Name of the Secret that the certificate is kept in
    #[arg(
        long = "webhook-secret",
        env = "SECRET_NAME",
        value_name = "NAME",
        default_value = "kudo-webhook-server-secret"
    )]
    pub(super) secret: String,
    /// Name of the webhook's configuration in the API server
    #[arg(
        long = "webhook-configuration",
        env = "KUDO_WEBHOOK_CONFIGURATION",
        value_name = "NAME",
        default_value = "kudo-manager-instance-admission-webhook-config"
    )]
    pub(super) configuration: String,
    /// How long a certificate is valid; it is replaced when a third of that is left
    #[arg(long = "webhook-cert-validity", env = "KUDO_WEBHOOK_CERT_VALIDITY", value_name = "TIME", value_parser = validity, default_value = "2160h")]
    pub(super) cert_validity: Duration,
}

impl WebhookArguments {
    /// Where to answer, if anywhere.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let everywhere = || {
            let address = SocketAddr::from(([0, 0, 0, 0], 443));
            self.cert_dir.is_some().then_some(address)
        };
        self.address
            .map_or_else(everywhere, |Address(address)| address)
    }
}

/// An address to listen at, if any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address(pub(super) Option<SocketAddr>);

/// Where the API server reaches the webhook.
#[derive(Clone, Debug)]
pub(super) struct WebhookUrl {
    /// The URL, without a path.
    pub(super) url: String,
    /// The host in it.
    pub(super) host: String,
}

fn address(text: &str) -> Result<Address, String> {
    if text == "0" {
        return Ok(Address(None));
    }
    // `:8080` is how Go programs spell it.
    let full = text.strip_prefix(':').map(|port| format!("0.0.0.0:{port}"));
    let parsed = full.as_deref().unwrap_or(text).parse();
    let hint = |_| "must be an address and a port, such as 127.0.0.1:8080".to_owned();
    parsed.map(|address| Address(Some(address))).map_err(hint)
}

fn url(text: &str) -> Result<WebhookUrl, String> {
    const EXPECTED: &str =
        "must be https, a host and perhaps a port, such as https://127.0.0.1:9443";
    let parsed: http::Uri = text.parse().map_err(|_| EXPECTED)?;
    let is_bare = parsed.path() == "/" && parsed.query().is_none();
    match parsed.host() {
        Some(host) if parsed.scheme_str() == Some("https") && is_bare => Ok(WebhookUrl {
            url: text.trim_end_matches('/').to_owned(),
            host: host.trim_matches(['[', ']']).to_owned(),
        }),
        _ => Err(EXPECTED.to_owned()),
    }
}

fn workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("must be a number from 1".to_owned()),
    }
}

fn validity(text: &str) -> Result<Duration, String> {
    let longest = Duration::from_hours(24 * 365 * 10);
    match duration(text)? {
        time if time < Duration::from_secs(3) => Err("must be at least 3s".to_owned()),
        time if time > longest => Err("must be at most ten years, 87600h".to_owned()),
        time => Ok(time),
    }
}

/// Reads a time as Go does: numbers with units, such as `1m30s`.
fn duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "must be a time such as 500ms, 10s or 1h30m";
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let mut milliseconds = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or(EXPECTED)?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let (_, scale) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(EXPECTED)?;
        let part = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(*scale));
        milliseconds = part
            .and_then(|part| milliseconds.checked_add(part))
            .ok_or(EXPECTED)?;
        rest = tail;
    }
    if text.is_empty() {
        return Err(EXPECTED.to_owned());
    }
    Ok(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn times() {
        let cases = [
            ("10s", Some(10_000)),
            ("1h30m", Some(5_400_000)),
            ("1m500ms", Some(60_500)),
            ("0s", Some(0)),
            ("", None),
            ("10", None),
            ("s", None),
            ("-1s", None),
            ("1d", None),
            ("99999999999999999999s", None),
        ];
        for (text, expected) in cases {
            assert_eq!(
                duration(text).ok(),
                expected.map(Duration::from_millis),
                "{text:?}"
            );
        }
    }

    #[test]
    fn urls() {
        let host = |text| url(text).ok().map(|url| url.host);
        assert_eq!(
            host("https://127.0.0.1:9443/").as_deref(),
            Some("127.0.0.1")
        );
        assert_eq!(host("https://[::1]:9443").as_deref(), Some("::1"));
        assert_eq!(
            host("https://kudo.example.com").as_deref(),
            Some("kudo.example.com")
        );
        for wrong in [
            "http://a",
            "https://",
            "a:9443",
            "https://a/path",
            "https://a?b=c",
        ] {
            assert_eq!(host(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn where_the_webhook_answers() {
        let read = |arguments: &[&str]| {
            let all = ["kudo-manager"].iter().chain(arguments).copied();
            let arguments = Arguments::try_parse_from(all).unwrap();
            arguments
                .webhook
                .address()
                .map(|address| address.to_string())
        };
        assert_eq!(read(&[]), None);
        assert_eq!(
            read(&["--webhook-cert-dir=/c"]).as_deref(),
            Some("0.0.0.0:443")
        );
        assert_eq!(
            read(&["--webhook-cert-dir=/c", "--webhook-address=0"]),
            None
        );
        assert_eq!(
            read(&["--webhook-address=:9443"]).as_deref(),
            Some("0.0.0.0:9443")
        );
    }

    #[test]
    fn election_is_asked_for() {
        let read = |argument: &str| Arguments::try_parse_from(["kudo-manager", argument]).unwrap();
        assert!(!read("--workers=1").election.leader_elect);
        assert!(read("--leader-elect").election.leader_elect);
        assert!(read("--leader-elect=true").election.leader_elect);
        assert!(!read("--leader-elect=false").election.leader_elect);
        let timing = |argument| read(argument).election.timing();
        assert_eq!(timing("--leader-elect"), Ok(Timing::default()));
        assert_eq!(
            timing("--leader-elect-renew-deadline=10s"),
            Err(TimingError::Deadline)
        );
        assert_eq!(
            timing("--leader-elect-retry-period=4s"),
            Err(TimingError::Retry)
        );
        assert_eq!(
            timing("--leader-elect-lease-duration=8s500ms"),
            Err(TimingError::Lease)
        );
    }
}
