//! `exec` over the API server: WebSocket, subprotocols `v5.channel.k8s.io` and `v4.channel.k8s.io`,
//! which every server since Kubernetes 1.4 speaks.
//!
//! One command does it: `tar` tells what the file is and how large before its content, so that neither
//! a link nor a file that is too large is read, and an end that did not arrive is noticed.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachParams;
use kube::{Api, Client};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::archive::{MAX_ARCHIVE, only_file};
use super::{CopyError, CopyFiles, PodFile};
use crate::error::message;

/// How long a copy may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// Bytes of output that are on their way at a time.
const BUFFER: usize = 64 * 1024;
/// Bytes of a command's complaint that are kept.
const MAX_COMPLAINT: usize = 2048;

/// Copies files by running `tar` in the container.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExecCopy;

impl CopyFiles for ExecCopy {
    fn copy<'a>(
        &'a self,
        client: &'a Client,
        file: &'a PodFile,
    ) -> BoxFuture<'a, Result<Vec<u8>, CopyError>> {
        async move {
            match tokio::time::timeout(PATIENCE, copy(client, file)).await {
                Ok(copied) => copied,
                Err(_) => Err(interrupted(
                    file,
                    format!("not done within {} s", PATIENCE.as_secs()),
                )),
            }
        }
        .boxed()
    }
}

async fn copy(client: &Client, file: &PodFile) -> Result<Vec<u8>, CopyError> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &file.namespace);
    let params = AttachParams::default()
        .container(&file.container)
        .stdin(false)
        .stdout(true)
        .stderr(true)
        .max_stdout_buf_size(BUFFER);
    let command = ["tar", "cf", "-", &file.path];
    let mut process = pods
        .exec(&file.pod, command, &params)
        .await
        .map_err(|error| interrupted(file, message(&error)))?;
    let output = process.stdout();
    let complaints = process.stderr();
    let status = process.take_status();
    let read = futures::try_join!(
        read_up_to(MAX_ARCHIVE, output),
        drain(MAX_COMPLAINT, complaints),
        // Where the connection breaks, the outputs do not end; but this does.
        async { status.ok_or(Ended::Lost)?.await.ok_or(Ended::Lost) },
    );
    match read {
        Ok((archive, complaint, status)) => {
            judge(file, &status, &complaint)?;
            only_file(&file.path, &archive)
        }
        // What came first tells the size.
        Err(Ended::TooMuch(archive)) => match only_file(&file.path, &archive) {
            Ok(_) => Err(interrupted(file, "more came than the file has".to_owned())),
            Err(error) => Err(error),
        },
        Err(Ended::Broken(error)) => Err(interrupted(file, error.to_string())),
        Err(Ended::Lost) => {
            let broken = process.join().await.err();
            let text = broken.map_or_else(
                || "the connection ended before the command did".to_owned(),
                |error| error.to_string(),
            );
            Err(interrupted(file, text))
        }
    }
}

/// How the reading of an output ended early.
enum Ended {
    TooMuch(Vec<u8>),
    Broken(std::io::Error),
    Lost,
}

/// Reads to the end, or until there is more than the limit.
async fn read_up_to(
    limit: usize,
    output: Option<impl AsyncRead + Unpin>,
) -> Result<Vec<u8>, Ended> {
    let mut bytes = Vec::new();
    let Some(output) = output else {
        return Ok(bytes);
    };
    let mut output = output.take(limit as u64 + 1);
    output
        .read_to_end(&mut bytes)
        .await
        .map_err(Ended::Broken)?;
    if bytes.len() > limit {
        return Err(Ended::TooMuch(bytes));
    }
    Ok(bytes)
}

/// Reads to the end, whatever comes, and keeps the beginning.
async fn drain(limit: usize, output: Option<impl AsyncRead + Unpin>) -> Result<String, Ended> {
    let mut kept = Vec::new();
    if let Some(mut output) = output {
        let mut buffer = vec![0; 4096];
        loop {
            let count = output.read(&mut buffer).await.map_err(Ended::Broken)?;
            if count == 0 {
                break;
            }
            let room = limit.saturating_sub(kept.len()).min(count);
            kept.extend_from_slice(&buffer[..room]);
        }
    }
    Ok(String::from_utf8_lossy(&kept).trim().to_owned())
}

/// Whether the command ended well.
fn judge(file: &PodFile, status: &Status, complaint: &str) -> Result<(), CopyError> {
    if status.status.as_deref() == Some("Success") {
        return Ok(());
    }
    let said = status.message.clone().unwrap_or_default();
    let message = match (complaint, said.as_str()) {
        ("", said) => said.to_owned(),
        (complaint, "") => complaint.to_owned(),
        (complaint, said) => format!("{complaint} ({said})"),
    };
    // A container without the program will not get one.
    let failed = status.reason.as_deref() == Some("NonZeroExitCode")
        || message.contains("executable file not found");
    if failed {
        Err(CopyError::Command {
            path: file.path.clone(),
            message,
        })
    } else {
        Err(interrupted(file, message))
    }
}

fn interrupted(file: &PodFile, message: String) -> CopyError {
    CopyError::Interrupted {
        path: file.path.clone(),
        message,
    }
}

#[cfg(test)]
mod tests;
