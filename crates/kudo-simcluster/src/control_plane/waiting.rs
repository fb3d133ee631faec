//! Waiting until a program is ready, or until it is plain that it will not be.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use kube::Client;

use super::{ControlPlaneError, client_error};
use crate::supervised::Supervised;

/// Pause between two looks at a program that is starting.
const POLL: Duration = Duration::from_millis(20);

pub(super) fn failure(
    program: &'static str,
    process: &mut Supervised,
) -> Option<ControlPlaneError> {
    let ended = process.ended()?;
    Some(ControlPlaneError::Ended {
        program,
        status: ended.status,
        log_tail: ended.log_tail,
    })
}

/// The moment by which a start must have succeeded.
pub(super) struct Deadline {
    start: Instant,
    length: Duration,
}

impl Deadline {
    pub(super) fn after(length: Duration) -> Self {
        Self {
            start: Instant::now(),
            length,
        }
    }

    /// Sleeps until the next look, or tells that the program has ended or the time is over.
    async fn pause(
        &self,
        program: &'static str,
        process: &mut Supervised,
    ) -> Result<(), ControlPlaneError> {
        if let Some(failure) = failure(program, process) {
            return Err(failure);
        }
        if self.start.elapsed() >= self.length {
            let log_tail = process.log_tail();
            return Err(ControlPlaneError::NotReady {
                program,
                after: self.length,
                log_tail,
            });
        }
        tokio::time::sleep(POLL).await;
        Ok(())
    }
}

pub(super) async fn wait_for_port(
    process: &mut Supervised,
    port: u16,
    deadline: &Deadline,
) -> Result<(), ControlPlaneError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    while std::net::TcpStream::connect_timeout(&address, POLL).is_err() {
        deadline.pause("etcd", process).await?;
    }
    Ok(())
}

pub(super) async fn wait_for_endpoint(
    process: &mut Supervised,
    client: &Client,
    path: &str,
    deadline: &Deadline,
) -> Result<(), ControlPlaneError> {
    loop {
        let request = http::Request::get(path)
            .body(Vec::new())
            .map_err(client_error)?;
        if client.request_text(request).await.is_ok() {
            return Ok(());
        }
        deadline.pause("kube-apiserver", process).await?;
    }
}
