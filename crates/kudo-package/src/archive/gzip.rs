//! The outer layer of an archive: gzip, whose data may be several members in a row.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use flate2::bufread::GzDecoder;

use super::ArchiveError;

/// The first byte of gzip.
const FIRST_BYTE: u8 = 0x1F;

/// What stopped the reading. It is told aside, since the tar reader wraps errors.
pub(super) type Stop = Rc<Cell<Option<ArchiveError>>>;

/// Stops the reading.
pub(super) fn stopped<T>(stop: &Stop, reason: ArchiveError) -> io::Result<T> {
    stop.set(Some(reason));
    Err(io::Error::other("the reading of the archive was stopped"))
}

/// Unpacks gzip.
pub(super) struct Gunzip<R> {
    state: State<R>,
    /// Whether a member has been read.
    begun: bool,
    stop: Stop,
}

enum State<R> {
    /// Before a member, or at the end.
    Between(R),
    Within(GzDecoder<R>),
    Ended,
}

impl<R: BufRead> Gunzip<R> {
    pub(super) fn new(inner: R, stop: Stop) -> Self {
        Self {
            state: State::Between(inner),
            begun: false,
            stop,
        }
    }

    /// Goes into the next member, if there is one.
    fn begin(&mut self, mut inner: R) -> io::Result<()> {
        let ahead = match inner.fill_buf() {
            Ok(ahead) => ahead,
            Err(error) => return stopped(&self.stop, ArchiveError::Unreadable(error)),
        };
        match ahead.first() {
            Some(&FIRST_BYTE) => self.state = State::Within(GzDecoder::new(inner)),
            None if self.begun => self.state = State::Ended,
            None => return stopped(&self.stop, ArchiveError::Truncated),
            Some(_) if self.begun => return stopped(&self.stop, ArchiveError::TrailingGarbage),
            Some(_) => {
                let found = guess(ahead);
                return stopped(&self.stop, ArchiveError::NotGzip { found });
            }
        }
        Ok(())
    }

    fn broken<T>(&self, error: io::Error, in_header: bool) -> io::Result<T> {
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => ArchiveError::Truncated,
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if !in_header => {
                ArchiveError::Damaged
            }
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if self.begun => {
                ArchiveError::TrailingGarbage
            }
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                ArchiveError::NotGzip { found: None }
            }
            _ => ArchiveError::Unreadable(error),
        };
        stopped(&self.stop, reason)
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(0),
                State::Between(inner) => self.begin(inner)?,
                State::Within(mut decoder) => match decoder.read(buffer) {
                    Ok(0) => {
                        self.begun = true;
                        self.state = State::Between(decoder.into_inner());
                    }
                    Ok(count) => {
                        self.state = State::Within(decoder);
                        return Ok(count);
                    }
                    Err(error) => return self.broken(error, decoder.header().is_none()),
                },
            }
        }
    }
}

/// What begins like this, if it is one of the things that are taken for an archive by mistake.
fn guess(ahead: &[u8]) -> Option<&'static str> {
    let is_text = match std::str::from_utf8(ahead) {
        Ok(_) => true,
        // A character that is cut off by the end of the buffer.
        Err(error) => error.error_len().is_none(),
    };
    if ahead.starts_with(b"PK\x03\x04") {
        Some("a zip file")
    } else if ahead
        .get(257..)
        .is_some_and(|rest| rest.starts_with(b"ustar"))
    {
        Some("a tar file that is not compressed")
    } else if is_text && !ahead.contains(&0) {
        Some("text")
    } else {
        None
    }
}
