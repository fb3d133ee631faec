//! What the manager counts, in Prometheus' text format.

use std::fmt::Write as _;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use kudo_kube::Meter;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::gate::RequestGate;

/// Labels of a reconcile.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReconcileLabels {
    /// What was done.
    pub action: &'static str,
}

/// Labels of a plan's end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PlanLabels {
    /// Name of the plan.
    pub plan: String,
    /// `COMPLETE` or `FATAL_ERROR`.
    pub outcome: String,
}

/// Labels of failures of tasks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FailureLabels {
    /// The event reason of the failure.
    pub reason: String,
    /// Whether the failure ended its plan.
    pub fatal: &'static str,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_seconds: Histogram,
    plans: Family<PlanLabels, Counter>,
    plan_seconds: Family<PlanLabels, Histogram, fn() -> Histogram>,
    failures: Family<FailureLabels, Counter>,
    errors: Counter,
    /// Instances that are known.
    pub instances: Gauge<i64, AtomicI64>,
    /// Instances that something is done about at the moment.
    pub active: Gauge<i64, AtomicI64>,
    /// Plans that run at the moment.
    pub running_plans: Gauge<i64, AtomicI64>,
}

impl Metrics {
    /// Metrics that stand at nought, with those of the requests.
    pub fn new(meter: Option<Meter>, gate: RequestGate) -> Self {
        let mut registry = Registry::with_prefix("kudo");
        let metrics = Self {
            reconciles: Family::default(),
            reconcile_seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 16)),
            plans: Family::default(),
            plan_seconds: Family::new_with_constructor(plan_histogram),
            failures: Family::default(),
            errors: Counter::default(),
            instances: Gauge::default(),
            active: Gauge::default(),
            running_plans: Gauge::default(),
            registry: Registry::default(),
        };
        metrics.register(&mut registry);
        registry.register_collector(Box::new(Requests { meter, gate }));
        Self {
            registry,
            ..metrics
        }
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "reconciles",
            "Decisions made about instances, by what was done",
            self.reconciles.clone(),
        );
        registry.register(
            "reconcile_duration_seconds",
            "Time from looking at an instance to the end of what was decided, plans excepted",
            self.reconcile_seconds.clone(),
        );
        registry.register("plans", "Plans that ended", self.plans.clone());
        registry.register(
            "plan_duration_seconds",
            "Time that plans took in this process",
            self.plan_seconds.clone(),
        );
        registry.register("task_failures", "Failures of tasks", self.failures.clone());
        registry.register(
            "reconcile_errors",
            "Reconciles that could not be finished and are tried again",
            self.errors.clone(),
        );
        let leading = Gauge::<i64, AtomicI64>::default();
        leading.set(1);
        registry.register(
            "leading",
            "Whether this process acts as the manager",
            leading,
        );
        registry.register("instances", "Instances known", self.instances.clone());
        registry.register(
            "active_instances",
            "Instances that something is done about",
            self.active.clone(),
        );
        registry.register(
            "running_plans",
            "Plans that run",
            self.running_plans.clone(),
        );
    }

    /// A decision was carried out.
    pub fn reconciled(&self, action: &'static str, took: Duration) {
        self.reconciles
            .get_or_create(&ReconcileLabels { action })
            .inc();
        self.reconcile_seconds.observe(took.as_secs_f64());
    }

    /// A reconcile could not be finished.
    pub fn failed(&self) {
        self.errors.inc();
    }

    /// A plan ended.
    pub fn plan_ended(&self, plan: &str, outcome: &str, took: Duration) {
        let labels = PlanLabels {
            plan: plan.to_owned(),
            outcome: outcome.to_owned(),
        };
        self.plans.get_or_create(&labels).inc();
        self.plan_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// A task failed.
    pub fn task_failed(&self, reason: &str, fatal: bool) {
        let labels = FailureLabels {
            reason: reason.to_owned(),
            fatal: if fatal { "true" } else { "false" },
        };
        self.failures.get_or_create(&labels).inc();
    }

    /// All of it as text.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        if text::encode(&mut out, &self.registry).is_err() {
            let _ = writeln!(out, "# the metrics could not be written");
        }
        out
    }
}

fn plan_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.05, 2.0, 16))
}

/// Reads the request counts when they are asked for.
#[derive(Debug)]
struct Requests {
    meter: Option<Meter>,
    gate: RequestGate,
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        if let Some(meter) = &self.meter {
            let mut family = encoder.encode_descriptor(
                "api_requests",
                "Requests to the API server",
                None,
                prometheus_client::metrics::MetricType::Counter,
            )?;
            for count in meter.counts() {
                let labels = [
                    ("verb", count.verb.as_str().to_owned()),
                    ("code", count.code.to_string()),
                ];
                let counter = ConstCounter::new(count.count);
                counter.encode(family.encode_family(&labels)?)?;
            }
        }
        let gauge = |value: usize| {
            prometheus_client::metrics::gauge::ConstGauge::new(i64::try_from(value).unwrap_or(0))
        };
        let depth = gauge(self.gate.waiting());
        let kind = prometheus_client::metrics::MetricType::Gauge;
        depth.encode(encoder.encode_descriptor(
            "queue_depth",
            "Requests that wait for a worker",
            None,
            kind,
        )?)?;
        let under_way = gauge(self.gate.under_way());
        under_way.encode(encoder.encode_descriptor(
            "requests_under_way",
            "Requests that were sent and not answered yet",
            None,
            prometheus_client::metrics::MetricType::Gauge,
        )?)
    }
}
