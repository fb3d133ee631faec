//! A world that the test drives: every task, sleep and record waits until the test says how it ends.

use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures::channel::oneshot;
use kudo_plan::{
    Clock, Observer, Options, PlanGraph, PlanState, StepRef, TaskFailure, TaskRunner, execute,
};

use crate::notation::show;

/// The error of a record that the test made fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordLost;

type Prepare = Box<dyn FnMut(&StepRef<'_>) -> Result<(), TaskFailure> + Send>;
type Watch = Box<dyn FnMut(&Seen<'_>) + Send>;

/// What the executor does, as the world sees it at that moment.
#[derive(Debug)]
pub(crate) enum Seen<'a> {
    Prepare(StepRef<'a>),
    Run(StepRef<'a>, &'a str),
    Record(&'a PlanState),
}

/// Something the executor waits for.
pub(crate) enum Op {
    Run {
        place: String,
        end: oneshot::Sender<Result<(), TaskFailure>>,
    },
    Word {
        place: String,
        told: String,
        end: oneshot::Sender<String>,
    },
    Sleep {
        duration: Duration,
        end: oneshot::Sender<()>,
    },
    Record {
        state: PlanState,
        end: oneshot::Sender<Result<(), RecordLost>>,
    },
}

impl Op {
    /// Tasks come first, then their words, then sleeps, then records.
    fn rank(&self) -> u8 {
        match self {
            Self::Run { .. } => 0,
            Self::Word { .. } => 1,
            Self::Sleep { .. } => 2,
            Self::Record { .. } => 3,
        }
    }

    fn is_dropped(&self) -> bool {
        match self {
            Self::Run { end, .. } => end.is_canceled(),
            Self::Word { end, .. } => end.is_canceled(),
            Self::Sleep { end, .. } => end.is_canceled(),
            Self::Record { end, .. } => end.is_canceled(),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { place, .. } => write!(f, "run {place}"),
            Self::Word { place, told, .. } => write!(f, "word {place} {told:?}"),
            Self::Sleep { duration, .. } => write!(f, "sleep {duration:?}"),
            Self::Record { state, .. } => write!(f, "record {}", show(state)),
        }
    }
}

#[derive(Default)]
struct Inner {
    next: u64,
    /// By rank and age.
    ops: BTreeMap<(u8, u64), Op>,
    failures: Vec<String>,
    prepare: Option<Prepare>,
    watch: Option<Watch>,
    unrecorded: bool,
    talkative: bool,
}

/// Runner, clock and observer in one.
#[derive(Clone, Default)]
pub(crate) struct World {
    inner: Arc<Mutex<Inner>>,
}

impl World {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Decides how preparations end; without this they succeed.
    pub(crate) fn on_prepare(
        &self,
        prepare: impl FnMut(&StepRef<'_>) -> Result<(), TaskFailure> + Send + 'static,
    ) {
        self.lock().prepare = Some(Box::new(prepare));
    }

    /// Is called at everything the executor does.
    pub(crate) fn on_seen(&self, watch: impl FnMut(&Seen<'_>) + Send + 'static) {
        self.lock().watch = Some(Box::new(watch));
    }

    pub(crate) fn set_unrecorded(&self, unrecorded: bool) {
        self.lock().unrecorded = unrecorded;
    }

    /// Tasks say what they wait for, when the test says so.
    pub(crate) fn set_talkative(&self) {
        self.lock().talkative = true;
    }

    /// What the observer was told of failures.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.lock().failures.clone()
    }

    /// What the executor waits for: tasks, sleeps, records, each oldest first.
    pub(crate) fn open(&self) -> Vec<String> {
        self.with_ops(|ops| ops.values().map(ToString::to_string).collect())
    }

    /// Takes something the executor waits for, by its place in [`Self::open`].
    pub(crate) fn take_nth(&self, n: usize) -> Op {
        self.with_ops(|ops| {
            let id = *ops.keys().nth(n).expect("that many are open");
            ops.remove(&id).expect("it is open")
        })
    }

    /// Takes the oldest thing whose text begins so.
    pub(crate) fn take(&self, text: &str) -> Op {
        let open = self.open();
        let n = open.iter().position(|op| op.starts_with(text));
        self.take_nth(n.unwrap_or_else(|| panic!("no {text:?} in {open:#?}")))
    }

    fn with_ops<T>(&self, use_ops: impl FnOnce(&mut BTreeMap<(u8, u64), Op>) -> T) -> T {
        let mut inner = self.lock();
        inner.ops.retain(|_, op| !op.is_dropped());
        use_ops(&mut inner.ops)
    }

    fn seen(&self, seen: &Seen<'_>) {
        let watch = self.lock().watch.take();
        if let Some(mut watch) = watch {
            watch(seen);
            self.lock().watch = Some(watch);
        }
    }

    async fn wait<T>(&self, op: impl FnOnce(oneshot::Sender<T>) -> Op) -> T {
        let (end, ended) = oneshot::channel();
        {
            let mut inner = self.lock();
            let op = op(end);
            let key = (op.rank(), inner.next);
            inner.next += 1;
            inner.ops.insert(key, op);
        }
        match ended.await {
            Ok(result) => result,
            Err(_) => pending().await,
        }
    }
}

impl TaskRunner for World {
    fn prepare(&self, step: &StepRef<'_>) -> Result<(), TaskFailure> {
        self.seen(&Seen::Prepare(*step));
        match &mut self.lock().prepare {
            Some(prepare) => prepare(step),
            None => Ok(()),
        }
    }

    async fn run(&self, step: &StepRef<'_>, task: &str) -> Result<(), TaskFailure> {
        self.seen(&Seen::Run(*step, task));
        let place = format!("{}.{}.{task}", step.phase, step.step);
        self.wait(|end| Op::Run { place, end }).await
    }

    async fn waits_for(&self, step: &StepRef<'_>, task: &str, told: &str) -> String {
        if !self.lock().talkative {
            return pending().await;
        }
        let place = format!("{}.{}.{task}", step.phase, step.step);
        let told = told.to_owned();
        self.wait(|end| Op::Word { place, told, end }).await
    }
}

impl Clock for World {
    async fn sleep(&self, duration: Duration) {
        self.wait(|end| Op::Sleep { duration, end }).await;
    }
}

impl Observer for World {
    type Error = RecordLost;

    async fn record(&self, state: &PlanState) -> Result<(), RecordLost> {
        self.seen(&Seen::Record(state));
        self.set_unrecorded(false);
        let state = state.clone();
        self.wait(|end| Op::Record { state, end }).await
    }

    fn failed(&self, step: &StepRef<'_>, task: Option<&str>, failure: &TaskFailure) {
        let kind = if failure.is_fatal() {
            "fatal"
        } else {
            "transient"
        };
        let text = format!(
            "{kind} {step} {} {}: {}",
            task.unwrap_or("-"),
            failure.reason(),
            failure.message()
        );
        self.lock().failures.push(text);
    }

    fn has_unrecorded(&self) -> bool {
        self.lock().unrecorded
    }
}

type Execution<'a> = Pin<Box<dyn Future<Output = Result<PlanState, RecordLost>> + Send + 'a>>;

/// One life of an execution in a world.
pub(crate) struct Life<'a> {
    execution: Execution<'a>,
    pub(crate) end: Option<Result<PlanState, RecordLost>>,
}

impl<'a> Life<'a> {
    pub(crate) fn new(
        graph: &'a PlanGraph,
        state: PlanState,
        world: &'a World,
        options: &'a Options,
    ) -> Self {
        let execution = Box::pin(execute(graph, state, world, world, world, options));
        let mut life = Self {
            execution,
            end: None,
        };
        life.go();
        life
    }

    /// Lets the execution go as far as it can.
    pub(crate) fn go(&mut self) {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        while self.end.is_none() && woken.0.swap(false, Ordering::SeqCst) {
            if let Poll::Ready(end) = self
                .execution
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
            {
                self.end = Some(end);
            }
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
