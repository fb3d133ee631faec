//! The figures as a table for people and as JSON for programs.

use std::fs;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::BenchError;
use super::children::Children;
use super::embedded::{self, Embedded};
use super::idle::Idle;
use super::install::Install;
use super::latency::Latency;
use super::manager::Requests;
use super::parameters::Parameters;
use super::programs::Programs;
use super::render::Render;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Everything that was measured in one run.
pub(super) struct Measured {
    pub(super) install: Install,
    pub(super) idle: Idle,
    pub(super) latency: Latency,
    pub(super) children: Children,
    pub(super) embedded: Embedded,
    pub(super) render: Render,
    pub(super) parameters: Parameters,
    pub(super) programs: Programs,
}

/// The figures, and where they come from.
pub(super) struct Report {
    machine: Machine,
    measured: Measured,
}

struct Machine {
    processors: usize,
    model: String,
}

/// One line of the table.
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) measured: String,
    pub(super) reach: &'static str,
    /// Whether what was to be reached was; nothing where there is no bound.
    pub(super) reached: Option<bool>,
}

impl Report {
    pub(super) fn new(measured: Measured) -> Result<Self, BenchError> {
        let processors = std::thread::available_parallelism();
        let processors = processors
            .map_err(BenchError::io("cannot count processors"))?
            .get();
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        let model = model
            .unwrap_or("unknown")
            .trim_start_matches([':', ' ', '\t'])
            .to_owned();
        let machine = Machine { processors, model };
        Ok(Self { machine, measured })
    }

    /// One sentence about where the figures come from.
    pub(super) fn origin(&self) -> String {
        let version = kudo_simcluster::control_plane::VERSION;
        format!(
            "Kubernetes {version}, its API server, etcd, the bare client and the manager together \
             on {} processors ({}).",
            self.machine.processors, self.machine.model
        )
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = self.install_rows();
        rows.extend(self.idle_rows());
        rows.extend(self.children_rows());
        rows.extend(self.embedded_rows());
        rows.extend(self.other_rows());
        rows
    }

    fn install_rows(&self) -> Vec<Row> {
        let install = &self.measured.install;
        let writes = per(install.requests.writes(), install.instances);
        let reads = per(install.requests.reads(), install.instances);
        let ratio = self.write_rate() / self.bare_rate();
        let rate = whole(install.instances) / install.took.as_secs_f64();
        vec![
            row("install: instances per second", format!("{rate:.1}")),
            row("install: writes per instance", format!("{writes:.2}"))
                .reach("≤ 15", writes <= 15.0),
            row("install: reads per instance", format!("{reads:.3}"))
                .reach("no read per object", reads < 1.0),
            row(
                "install: writes per second",
                format!("{:.0}", self.write_rate()),
            ),
            row(
                "bare client, 64 in flight: writes per second",
                format!("{:.0}", self.bare_rate()),
            ),
            row(
                "bare client, by server-side apply: writes per second",
                format!("{:.0}", self.bare_applied_rate()),
            ),
            row("install: ratio to the bare client", format!("{ratio:.2}"))
                .reach("≥ 0.6", ratio >= 0.6),
            row(
                "install: ratio to it by server-side apply",
                format!("{:.2}", self.write_rate() / self.bare_applied_rate()),
            ),
            row(
                "install: manager's CPU per instance",
                milliseconds(install.cpu / count(install.instances)),
            ),
        ]
    }

    fn idle_rows(&self) -> Vec<Row> {
        let idle = &self.measured.idle;
        let resident = mebibytes(idle.usage.resident * 1024);
        let restarted = mebibytes(idle.restart_usage.resident * 1024);
        let (writes, reads) = (idle.requests.writes(), idle.requests.reads());
        let load = 100.0 * idle.cpu.as_secs_f64() / idle.watched.as_secs_f64();
        let first = idle.restart_requests.reads() + idle.restart_requests.writes();
        vec![
            row("idle: writes", writes.to_string()).reach("0", writes == 0),
            row("idle: reads besides watches", reads.to_string()).reach("0", reads == 0),
            row("idle: CPU", format!("{load:.2} %")).reach("none to speak of", load < 1.0),
            row("idle: resident memory", format!("{resident:.1} MiB"))
                .reach("≤ 80 MiB", resident <= 80.0),
            row(
                "idle: resident memory after a restart",
                format!("{restarted:.1} MiB"),
            )
            .reach("≤ 80 MiB", restarted <= 80.0),
            row("restart: reads and writes", first.to_string()),
        ]
    }

    fn children_rows(&self) -> Vec<Row> {
        let (children, parameters) = (&self.measured.children, &self.measured.parameters);
        let ratio = self.children_ratio();
        vec![
            row(
                "children: a parent of 10, of 10 objects each",
                milliseconds(children.whole),
            ),
            row(
                "children: the slowest of them",
                milliseconds(children.slowest),
            ),
            row("children: a parent of none", milliseconds(children.own)),
            row(
                "children: ratio to the slowest, less the parent's own",
                format!("{ratio:.2}"),
            )
            .reach("≤ 1.5", ratio <= 1.5),
            row(
                "parameters: 10,000 values validated",
                milliseconds(parameters.good),
            )
            .reach("< 50 ms", parameters.good < Duration::from_millis(50)),
            row(
                "parameters: 10,000 wrong values refused",
                milliseconds(parameters.bad),
            )
            .reach("< 50 ms", parameters.bad < Duration::from_millis(50)),
        ]
    }

    /// What a parent takes beyond its own steps, compared with its slowest child.
    fn children_ratio(&self) -> f64 {
        let children = &self.measured.children;
        let beyond = children.whole.saturating_sub(children.own);
        beyond.as_secs_f64() / children.slowest.as_secs_f64()
    }

    fn embedded_rows(&self) -> Vec<Row> {
        let embedded = &self.measured.embedded;
        let resident = mebibytes(embedded.resident * 1024);
        let rate = self.embedded_rate();
        let ratio = rate / self.bare_rate();
        vec![
            row(
                "embedded cluster: start to first answer",
                milliseconds(embedded.start),
            )
            .reach("< 50 ms", embedded.start < Duration::from_millis(50)),
            row(
                "embedded cluster: creates per second, 64 in flight",
                format!("{rate:.0}"),
            )
            .reach("≥ 5000", rate >= 5000.0),
            row(
                "embedded cluster: ratio to the real server",
                format!("{ratio:.2}"),
            )
            .reach("≥ 3", ratio >= 3.0),
            row(
                "embedded cluster: resident memory with 10,000 objects",
                format!("{resident:.1} MiB"),
            )
            .reach("< 150 MiB", resident < 150.0),
        ]
    }

    fn embedded_rate(&self) -> f64 {
        whole(embedded::OBJECTS) / self.measured.embedded.took.as_secs_f64()
    }

    fn other_rows(&self) -> Vec<Row> {
        let (latency, render, programs) = (
            &self.measured.latency,
            &self.measured.render,
            &self.measured.programs,
        );
        let ratio = latency.median.as_secs_f64() / latency.bare_median.as_secs_f64();
        let bytes = programs.kubectl_kudo_bytes + programs.kudo_manager_bytes;
        let start = programs.start_cpu;
        vec![
            row(
                "latency: plan of 20 serial steps",
                milliseconds(latency.median),
            ),
            row(
                "bare client: its requests in sequence",
                milliseconds(latency.bare_median),
            ),
            row("latency: ratio to the bare client", format!("{ratio:.2}"))
                .reach("≤ 2", ratio <= 2.0),
            row(
                "render: templates per second, cached",
                format!("{:.0}", render.per_second),
            ),
            row(
                "render: templates per second, parsed each time",
                format!("{:.0}", render.uncached_per_second),
            ),
            row("start: CPU of `kubectl-kudo version`", milliseconds(start))
                .reach("≤ 10 ms", start <= Duration::from_millis(10)),
            row(
                "size of both binaries",
                format!("{:.1} MiB", mebibytes(bytes)),
            )
            .reach("≤ 40 MiB", mebibytes(bytes) <= 40.0),
        ]
    }

    fn write_rate(&self) -> f64 {
        number(self.measured.install.requests.writes()) / self.measured.install.took.as_secs_f64()
    }

    fn bare_rate(&self) -> f64 {
        whole(self.measured.install.bare_objects) / self.measured.install.bare_took.as_secs_f64()
    }

    fn bare_applied_rate(&self) -> f64 {
        whole(self.measured.install.bare_objects)
            / self.measured.install.bare_applied_took.as_secs_f64()
    }

    pub(super) fn table(&self) -> String {
        let width = self
            .rows()
            .iter()
            .map(|row| row.what.chars().count())
            .max()
            .unwrap_or(0);
        let mut lines = vec![self.origin(), String::new()];
        for row in self.rows() {
            let verdict = row.verdict();
            lines.push(format!(
                "{:<width$}  {:>12}  {verdict}",
                row.what, row.measured
            ));
        }
        lines.join("\n")
    }

    fn install_json(&self) -> Value {
        let install = &self.measured.install;
        json!({
            "instances": install.instances,
            "objects_per_instance": install.bare_objects / install.instances.max(1),
            "seconds": install.took.as_secs_f64(),
            "instances_per_second": whole(install.instances) / install.took.as_secs_f64(),
            "requests": verbs(&install.requests),
            "writes_per_instance": per(install.requests.writes(), install.instances),
            "reads_per_instance": per(install.requests.reads(), install.instances),
            "writes_per_second": self.write_rate(),
            "manager_cpu_seconds": install.cpu.as_secs_f64(),
            "manager_peak_resident_mib": mebibytes(install.usage.peak * 1024),
            "bare": {
                "in_flight": super::cluster::IN_FLIGHT,
                "objects": install.bare_objects,
                "seconds": install.bare_took.as_secs_f64(),
                "writes_per_second": self.bare_rate(),
                "applies_per_second": self.bare_applied_rate(),
            },
            "writes_per_second_ratio_to_bare": self.write_rate() / self.bare_rate(),
            "writes_per_second_ratio_to_bare_applies":
                self.write_rate() / self.bare_applied_rate(),
        })
    }

    pub(super) fn json(&self) -> String {
        let (idle, latency) = (&self.measured.idle, &self.measured.latency);
        let reached = self.rows().iter().all(|row| row.reached != Some(false));
        json!({
            "machine": {
                "processors": self.machine.processors,
                "model": self.machine.model,
                "kubernetes": kudo_simcluster::control_plane::VERSION,
            },
            "install": self.install_json(),
            "idle": {
                "instances": idle.instances,
                "seconds": idle.watched.as_secs_f64(),
                "requests": verbs(&idle.requests),
                "writes": idle.requests.writes(),
                "reads": idle.requests.reads(),
                "cpu_seconds": idle.cpu.as_secs_f64(),
                "resident_mib": mebibytes(idle.usage.resident * 1024),
                "restart": {
                    "requests": verbs(&idle.restart_requests),
                    "resident_mib": mebibytes(idle.restart_usage.resident * 1024),
                    "cpu_seconds": idle.restart_usage.cpu.as_secs_f64(),
                },
            },
            "latency": {
                "steps": latency.steps,
                "rounds": latency.rounds,
                "median_ms": latency.median.as_secs_f64() * 1000.0,
                "fastest_ms": latency.fastest.as_secs_f64() * 1000.0,
                "writes": latency.sequence.total(),
                "bare": {
                    "applies": latency.sequence.applies,
                    "patches": latency.sequence.patches,
                    "creates": latency.sequence.creates,
                    "median_ms": latency.bare_median.as_secs_f64() * 1000.0,
                    "fastest_ms": latency.bare_fastest.as_secs_f64() * 1000.0,
                },
                "ratio_to_bare": latency.median.as_secs_f64() / latency.bare_median.as_secs_f64(),
            },
            "children": {
                "whole_ms": self.measured.children.whole.as_secs_f64() * 1000.0,
                "slowest_ms": self.measured.children.slowest.as_secs_f64() * 1000.0,
                "own_ms": self.measured.children.own.as_secs_f64() * 1000.0,
                "ratio": self.children_ratio(),
            },
            "embedded": {
                "start_ms": self.measured.embedded.start.as_secs_f64() * 1000.0,
                "objects": embedded::OBJECTS,
                "creates_per_second": self.embedded_rate(),
                "ratio_to_bare": self.embedded_rate() / self.bare_rate(),
                "resident_mib": mebibytes(self.measured.embedded.resident * 1024),
            },
            "parameters": {
                "values": super::parameters::VALUES,
                "good_ms": self.measured.parameters.good.as_secs_f64() * 1000.0,
                "bad_ms": self.measured.parameters.bad.as_secs_f64() * 1000.0,
            },
            "render": {
                "packages": self.measured.render.packages,
                "templates": self.measured.render.templates,
                "templates_per_second_cached": self.measured.render.per_second,
                "templates_per_second_uncached": self.measured.render.uncached_per_second,
            },
            "start": {
                "cpu_ms": self.measured.programs.start_cpu.as_secs_f64() * 1000.0,
                "wall_ms": self.measured.programs.start_wall.as_secs_f64() * 1000.0,
            },
            "size": {
                "kubectl_kudo_bytes": self.measured.programs.kubectl_kudo_bytes,
                "kudo_manager_bytes": self.measured.programs.kudo_manager_bytes,
                "both_mib": mebibytes(
                    self.measured.programs.kubectl_kudo_bytes + self.measured.programs.kudo_manager_bytes
                ),
            },
            "all_reached": reached,
        })
        .to_string()
    }
}

fn row(what: &'static str, measured: String) -> Row {
    Row {
        what,
        measured,
        reach: "",
        reached: None,
    }
}

impl Row {
    fn reach(self, reach: &'static str, reached: bool) -> Self {
        Self {
            reach,
            reached: Some(reached),
            ..self
        }
    }

    fn verdict(&self) -> String {
        match self.reached {
            None => String::new(),
            Some(true) => format!("{} reached", self.reach),
            Some(false) => format!("{} MISSED", self.reach),
        }
    }
}

fn verbs(requests: &Requests) -> Map<String, Value> {
    requests
        .verbs()
        .map(|(verb, count)| (verb.to_owned(), count.into()))
        .collect()
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

fn mebibytes(bytes: u64) -> f64 {
    number(bytes) / MEBIBYTE
}

fn per(requests: u64, instances: usize) -> f64 {
    number(requests) / whole(instances.max(1))
}

/// Figures of this size lose nothing as floating point numbers.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn number(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn whole(value: usize) -> f64 {
    value as f64
}

fn count(value: usize) -> u32 {
    u32::try_from(value.max(1)).unwrap_or(u32::MAX)
}
