//! Against a server on the loopback that answers as the API server does.

use futures::{SinkExt, StreamExt};
use kube::Config;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::*;
use crate::client::{Meter, client_for};

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const SUCCESS: &str = r#"{"metadata":{},"status":"Success"}"#;
const EXIT_1: &str = r#"{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: 1","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"1"}]}}"#;

/// What the server does once it has let the client in.
enum Answer {
    /// Frames on channels, then an orderly end.
    Frames(Vec<(u8, Vec<u8>)>),
    /// Frames on channels, then the connection is gone.
    Break(Vec<(u8, Vec<u8>)>),
    /// Output on a channel without end.
    Flood(u8),
    /// No upgrade, but this status.
    Refuse(u16, &'static str),
}

fn archive(content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, "tmp/x", content).unwrap();
    builder.into_inner().unwrap()
}

#[expect(clippy::result_large_err, reason = "the library's own signature")]
async fn accept(stream: TcpStream, protocol: &'static str) -> (String, WebSocketStream<TcpStream>) {
    let mut asked = String::new();
    let socket = accept_hdr_async(
        stream,
        |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            asked = request.uri().to_string();
            let offered = request.headers()["sec-websocket-protocol"]
                .to_str()
                .unwrap();
            assert!(
                offered.split(", ").any(|offer| offer == protocol),
                "{offered}"
            );
            let headers = response.headers_mut();
            headers.insert("sec-websocket-protocol", protocol.parse().unwrap());
            Ok(response)
        },
    );
    let socket = socket.await.unwrap();
    (asked, socket)
}

async fn serve(listener: TcpListener, protocol: &'static str, answer: Answer) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    if let Answer::Refuse(code, body) = answer {
        use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
        let mut lines = BufReader::new(&mut stream).lines();
        while lines
            .next_line()
            .await
            .unwrap()
            .is_some_and(|line| !line.is_empty())
        {}
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {code} No\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        return String::new();
    }
    let (asked, mut socket) = accept(stream, protocol).await;
    let frame = |channel: u8, bytes: &[u8]| Message::binary([&[channel], bytes].concat());
    match answer {
        Answer::Frames(frames) => {
            for (channel, bytes) in frames {
                socket.send(frame(channel, &bytes)).await.unwrap();
            }
            socket.close(None).await.unwrap();
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
        }
        Answer::Break(frames) => {
            for (channel, bytes) in frames {
                socket.send(frame(channel, &bytes)).await.unwrap();
            }
        }
        Answer::Flood(channel) => {
            let bytes = vec![b'x'; 32 * 1024];
            while socket.send(frame(channel, &bytes)).await.is_ok() {}
        }
        Answer::Refuse(..) => {}
    }
    asked
}

/// What comes of a copy, and the request's path and query.
async fn run(protocol: &'static str, answer: Answer) -> (Result<Vec<u8>, CopyError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, protocol, answer));
    let config = Config::new(format!("http://{address}").parse().unwrap());
    let client = client_for(config, &Meter::new()).unwrap();
    let file = PodFile {
        namespace: "ns".to_owned(),
        pod: "p".to_owned(),
        container: "waiter".to_owned(),
        path: "/tmp/x".to_owned(),
    };
    let copied = ExecCopy.copy(&client, &file).await;
    drop(client);
    (copied, server.await.unwrap())
}

#[tokio::test]
async fn a_file_comes_through_both_protocols() {
    let content = vec![b'y'; 300_000];
    for protocol in ["v4.channel.k8s.io", "v5.channel.k8s.io"] {
        let bytes = archive(&content);
        let (first, rest) = bytes.split_at(1000);
        let frames = vec![
            (STDOUT, vec![]),
            (
                STDERR,
                b"tar: removing leading '/' from member names\n".to_vec(),
            ),
            (STDOUT, first.to_vec()),
            (STDOUT, rest.to_vec()),
            (STATUS, SUCCESS.as_bytes().to_vec()),
        ];
        let (copied, asked) = run(protocol, Answer::Frames(frames)).await;
        assert_eq!(copied.as_deref(), Ok(&content[..]), "{protocol}");
        let path = "/api/v1/namespaces/ns/pods/p/exec?";
        assert!(asked.starts_with(path), "{asked}");
        assert!(asked.contains("container=waiter"), "{asked}");
        let command = "command=tar&command=cf&command=-&command=%2Ftmp%2Fx";
        assert!(asked.ends_with(command), "{asked}");
    }
}

#[tokio::test]
async fn what_can_go_wrong() {
    let out = |bytes: &[u8]| (STDOUT, bytes.to_vec());
    let status = |text: &str| (STATUS, text.as_bytes().to_vec());
    let internal =
        r#"{"status":"Failure","reason":"InternalError","message":"error executing command"}"#;
    let no_tar = r#"{"status":"Failure","reason":"InternalError","message":"exec: \"tar\": executable file not found in $PATH"}"#;
    let forbidden = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"pods \"p\" is forbidden","reason":"Forbidden","code":403}"#;
    let cases = [
        (
            "no such file",
            Answer::Frames(vec![
                (STDERR, b"tar: /tmp/x: No such file or directory\n".to_vec()),
                out(&[0; 1024]),
                status(EXIT_1),
            ]),
            true,
            "cannot read file \"/tmp/x\" in the pod: tar: /tmp/x: No such file or directory (command \
             terminated with non-zero exit code: 1)",
        ),
        (
            "no tar",
            Answer::Frames(vec![status(no_tar)]),
            true,
            "cannot read file \"/tmp/x\" in the pod: exec",
        ),
        (
            "too large",
            Answer::Frames(vec![
                out(&archive(&vec![0; 2 * 1024 * 1024])),
                status(SUCCESS),
            ]),
            true,
            "file \"/tmp/x\" has 2097152 bytes",
        ),
        (
            "without end",
            Answer::Flood(STDOUT),
            false,
            "cannot copy file \"/tmp/x\" out of the pod: ",
        ),
        (
            "server error",
            Answer::Frames(vec![status(internal)]),
            false,
            "cannot copy file \"/tmp/x\" out of the pod: error executing command",
        ),
        (
            "no status",
            Answer::Frames(vec![out(&archive(b"hi"))]),
            false,
            "cannot copy file \"/tmp/x\" out of the pod: the connection ended",
        ),
        (
            "broken",
            Answer::Break(vec![out(&archive(b"hi")[..600])]),
            false,
            "cannot copy file \"/tmp/x\" out of the pod: ",
        ),
        (
            "nothing",
            Answer::Frames(vec![status(SUCCESS)]),
            false,
            "cannot copy file \"/tmp/x\" out of the pod: nothing came",
        ),
        (
            "forbidden",
            Answer::Refuse(403, forbidden),
            false,
            "cannot copy file \"/tmp/x\" out of the pod: pods \"p\" is forbidden",
        ),
        (
            "no upgrade",
            Answer::Refuse(200, "{}"),
            false,
            "cannot copy file \"/tmp/x\" out of the pod: ",
        ),
    ];
    for (name, answer, fatal, expected) in cases {
        let (copied, _) = run("v4.channel.k8s.io", answer).await;
        let error = copied.unwrap_err();
        assert_eq!(error.is_fatal(), fatal, "{name}: {error}");
        assert!(error.to_string().starts_with(expected), "{name}: {error}");
    }
}
