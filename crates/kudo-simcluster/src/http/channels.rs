//! The channels of a command over one WebSocket: subprotocols `v5.channel.k8s.io` and
//! `v4.channel.k8s.io`.
//!
//! Every message is binary, and its first byte is the channel: 0 standard input, 1 and 2 the outputs,
//! 3 the status at the end. In version 5, 255 tells that the channel named by the next byte is closed.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::answer::Body;
use super::path::Query;
use super::status::Refusal;
use crate::container::{Answer, Output};

/// Newest first: what a client offers is taken in this order.
const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const CLOSED: u8 = 255;
/// Bytes of output in one message.
const CHUNK: usize = 32 * 1024;
/// Bytes of one message of a client.
const MESSAGE_LIMIT: usize = 1024 * 1024;
/// How long a client may take to hang up after the end.
const PATIENCE: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A request for a WebSocket with channels.
#[derive(Debug)]
pub(crate) struct Request {
    protocol: &'static str,
    accept: String,
    stdout: bool,
    stderr: bool,
}

/// Whether a client asks for the protocol before WebSocket, as newer ones do, too, when a WebSocket was refused.
pub(crate) fn is_spdy(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(UPGRADE).map(HeaderValue::as_bytes);
    upgrade.is_some_and(|upgrade| upgrade.to_ascii_lowercase().starts_with(b"spdy/"))
}

impl Request {
    pub(crate) fn read(headers: &HeaderMap, query: &Query) -> Result<Self, Refusal> {
        let text = |name: HeaderName| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let upgrade = text(UPGRADE).to_lowercase();
        if is_spdy(headers) {
            let problem = "this cluster speaks WebSocket alone, and SPDY was asked for; kubectl 1.31 \
                           and newer speak WebSocket";
            return Err(Refusal::bad_request(problem));
        }
        if upgrade != "websocket" || text(SEC_WEBSOCKET_KEY).is_empty() {
            return Err(Refusal::bad_request("Upgrade request required"));
        }
        let offered = text(SEC_WEBSOCKET_PROTOCOL);
        let offered: Vec<&str> = offered.split(',').map(str::trim).collect();
        let Some(protocol) = PROTOCOLS.into_iter().find(|known| offered.contains(known)) else {
            let known = PROTOCOLS.join(", ");
            let problem = format!("unable to upgrade: the subprotocol must be one of {known}");
            return Err(Refusal::bad_request(problem));
        };
        let (stdin, tty) = (query.is("stdin"), query.is("tty"));
        let (stdout, stderr) = (query.is("stdout"), query.is("stderr") && !tty);
        if !(stdin || stdout || stderr) {
            let problem = "you must specify at least 1 of stdin, stdout, stderr";
            return Err(Refusal::bad_request(problem));
        }
        Ok(Self {
            protocol,
            accept: derive_accept_key(text(SEC_WEBSOCKET_KEY).as_bytes()),
            stdout,
            stderr,
        })
    }

    /// The answer after which the connection is a WebSocket.
    pub(crate) fn accepted(&self) -> Response<Body> {
        let mut response = Response::new(Empty::new().boxed_unsync());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        let protocol = HeaderValue::from_static(self.protocol);
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }
}

/// Tells a client what comes of its command, once the connection is a WebSocket.
pub(crate) async fn serve(
    upgrade: OnUpgrade,
    request: Request,
    command: Vec<String>,
    answer: Answer,
) {
    let Ok(connection) = upgrade.await else {
        return;
    };
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_LIMIT))
        .max_frame_size(Some(MESSAGE_LIMIT));
    let connection = TokioIo::new(connection);
    let socket = WebSocketStream::from_raw_socket(connection, Role::Server, Some(limits)).await;
    if let Err(error) = converse(socket, &request, &command, answer).await {
        tracing::debug!(%error, "a command's connection ended");
    }
}

async fn converse(
    mut socket: Socket,
    request: &Request,
    command: &[String],
    answer: Answer,
) -> Result<(), Error> {
    // An empty message tells that the connection stands.
    let lowest = [(request.stdout, STDOUT), (request.stderr, STDERR)];
    let lowest = lowest.into_iter().find(|(is_open, _)| *is_open);
    let (_, lowest) = lowest.unwrap_or((true, STATUS));
    send(&mut socket, lowest, &[]).await?;
    let status = match answer {
        Answer::Done(output) => {
            if request.stdout {
                send(&mut socket, STDOUT, &output.stdout).await?;
            }
            if request.stderr {
                send(&mut socket, STDERR, &output.stderr).await?;
            } else if request.stdout {
                // A terminal has one output.
                send(&mut socket, STDOUT, &output.stderr).await?;
            }
            ended(command, &output)
        }
        Answer::Echo => {
            echo(&mut socket).await?;
            ended(command, &Output::default())
        }
        Answer::Failed(problem) => {
            let problem = format!("error executing command in container: {problem}");
            Refusal::internal(&problem).to_value()
        }
    };
    send(&mut socket, STATUS, status.to_string().as_bytes()).await?;
    // Without a code kubectl takes the end for a failure.
    let end = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    socket.close(Some(end)).await?;
    let drained = async { while socket.next().await.is_some_and(|message| message.is_ok()) {} };
    // Whoever does not hang up is hung up on.
    let _ = tokio::time::timeout(PATIENCE, drained).await;
    Ok(())
}

async fn send(socket: &mut Socket, channel: u8, bytes: &[u8]) -> Result<(), Error> {
    if bytes.is_empty() {
        return socket.send(Message::binary(vec![channel])).await;
    }
    for chunk in bytes.chunks(CHUNK) {
        let message = [&[channel], chunk].concat();
        socket.send(Message::binary(message)).await?;
    }
    Ok(())
}

/// Gives back what comes on standard input until it ends.
async fn echo(socket: &mut Socket) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        let Message::Binary(bytes) = message? else {
            continue;
        };
        match bytes.split_first() {
            Some((&STDIN, text)) if !text.is_empty() => send(socket, STDOUT, text).await?,
            Some((&CLOSED, [STDIN])) => break,
            _ => {}
        }
    }
    Ok(())
}

/// The status that tells how a command ended.
fn ended(command: &[String], output: &Output) -> Value {
    if output.exit == 0 {
        return json!({ "metadata": {}, "status": "Success" });
    }
    let exit = output.exit;
    let message = format!(
        "command terminated with non-zero exit code: error executing command [{}], exit code {exit}",
        command.join(" ")
    );
    let cause = json!({ "reason": "ExitCode", "message": exit.to_string() });
    json!({
        "metadata": {}, "status": "Failure", "message": message, "reason": "NonZeroExitCode",
        "details": { "causes": [cause] },
    })
}
