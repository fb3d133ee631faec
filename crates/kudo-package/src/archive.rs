//! Archives (`.tgz`): read from strangers without harm, written so that the same files always give
//! the same bytes.

mod gzip;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::rc::Rc;

use flate2::{Compression, GzBuilder};
use tar::{Archive, Builder, Entry, EntryType, Header};

use self::gzip::{Gunzip, Stop, stopped};

/// Bounds on what an archive may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Files.
    pub max_files: usize,
    /// Bytes of one file.
    pub max_file_bytes: u64,
    /// Bytes of the unpacked archive, headers and padding included.
    pub max_total_bytes: u64,
    /// Unpacked bytes for each compressed byte, looked at from the first mebibyte on.
    pub max_ratio: u64,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self {
            max_files: 4096,
            max_file_bytes: 8 << 20,
            max_total_bytes: 64 << 20,
            max_ratio: 200,
        }
    }
}

/// Bytes read at once.
const BUFFER: usize = 32 << 10;
/// Unpacked bytes up to which the ratio is not looked at.
const RATIO_FREE_BYTES: u64 = 1 << 20;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It could not be read from where it is.
    #[error("not a readable .tgz archive: {0}")]
    Unreadable(io::Error),
    /// Something else than gzip.
    #[error("not a readable .tgz archive: it is {}not a gzip file", but(*.found))]
    NotGzip {
        /// What it seems to be: `text`, `a zip file` and so on.
        found: Option<&'static str>,
    },
    /// Gzip, with something else than tar in it.
    #[error("not a readable .tgz archive: it is a gzip file, but holds no tar archive")]
    NotTar,
    /// The archive ends too early.
    #[error("the archive is truncated")]
    Truncated,
    /// Gzip or tar, but not as it was written.
    #[error("the archive is damaged")]
    Damaged,
    /// Something else behind the end.
    #[error("something that is no part of the archive follows its end")]
    TrailingGarbage,
    /// A name that is an absolute path.
    #[error("{path:?} is an absolute path")]
    AbsolutePath {
        /// Name of the entry.
        path: String,
    },
    /// A name that leads out of the package.
    #[error("{path:?} leads out of the package")]
    EscapingPath {
        /// Name of the entry.
        path: String,
    },
    /// A name with characters that have no place in one.
    #[error("{path:?} is not a usable file name")]
    UnusableName {
        /// Name of the entry, as far as it is text.
        path: String,
    },
    /// A symbolic or hard link.
    #[error("{path:?} is a link, which packages may not hold")]
    Link {
        /// Name of the entry.
        path: String,
    },
    /// A device, a pipe, or something yet stranger.
    #[error("{path:?} is neither a file nor a folder")]
    NotAFile {
        /// Name of the entry.
        path: String,
    },
    /// Two files of one name.
    #[error("{path:?} is there twice")]
    Duplicate {
        /// Name of the entry.
        path: String,
    },
    /// More files than allowed.
    #[error("the archive holds more than {limit} files")]
    TooManyFiles {
        /// Files allowed.
        limit: usize,
    },
    /// A file larger than allowed.
    #[error("{path:?} is larger than {limit} bytes")]
    FileTooLarge {
        /// Name of the entry.
        path: String,
        /// Bytes allowed.
        limit: u64,
    },
    /// Larger than allowed when unpacked.
    #[error("the archive unpacks to more than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// Unpacks to so much more than it is that it must be meant to do harm.
    #[error("the archive unpacks to more than {limit} times its size")]
    RatioTooLarge {
        /// Ratio allowed.
        limit: u64,
    },
}

fn but(found: Option<&str>) -> String {
    found.map(|found| format!("{found}, ")).unwrap_or_default()
}

/// Reads all files of an archive, by path relative to its root.
pub fn read(
    reader: impl Read,
    limits: &ArchiveLimits,
) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let stop = Stop::default();
    let packed = Rc::new(Cell::new(0));
    let counted = Counted {
        inner: reader,
        bytes: Rc::clone(&packed),
    };
    let buffered = BufReader::with_capacity(BUFFER, counted);
    let unpacked = Bounded {
        inner: Gunzip::new(buffered, Rc::clone(&stop)),
        packed,
        unpacked: 0,
        limits: *limits,
        stop: Rc::clone(&stop),
    };
    read_tar(unpacked, limits).map_err(|error| stop.take().unwrap_or(error))
}

/// Writes an archive. The same files give the same bytes: sorted, no times, no owners.
pub fn write(files: &BTreeMap<String, Vec<u8>>, writer: impl Write) -> io::Result<()> {
    let gzip = GzBuilder::new().mtime(0).write(writer, Compression::best());
    let mut tar = Builder::new(gzip);
    for (path, content) in files {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_username("root")?;
        header.set_groupname("root")?;
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content.as_slice())?;
    }
    tar.into_inner()?.finish()?.flush()
}

fn read_tar(
    unpacked: impl Read,
    limits: &ArchiveLimits,
) -> Result<BTreeMap<String, Vec<u8>>, ArchiveError> {
    let mut files = BTreeMap::new();
    let mut archive = Archive::new(unpacked);
    let mut begun = false;
    for entry in archive.entries().map_err(|_| ArchiveError::NotTar)? {
        let mut entry = entry.map_err(|error| {
            if begun {
                broken(&error)
            } else {
                ArchiveError::NotTar
            }
        })?;
        begun = true;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            continue;
        }
        let path = safe_path(&entry.path_bytes())?;
        match kind {
            EntryType::Directory => continue,
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Symlink | EntryType::Link => return Err(ArchiveError::Link { path }),
            _ => return Err(ArchiveError::NotAFile { path }),
        }
        if path.is_empty() {
            return Err(ArchiveError::UnusableName {
                path: ".".to_owned(),
            });
        }
        if files.len() == limits.max_files {
            return Err(ArchiveError::TooManyFiles {
                limit: limits.max_files,
            });
        }
        let content = read_file(&mut entry, &path, limits.max_file_bytes)?;
        if files.insert(path.clone(), content).is_some() {
            return Err(ArchiveError::Duplicate { path });
        }
    }
    // Behind the last entry: makes sure that the archive is whole.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| broken(&error))?;
    Ok(files)
}

fn read_file(
    entry: &mut Entry<'_, impl Read>,
    path: &str,
    limit: u64,
) -> Result<Vec<u8>, ArchiveError> {
    let size = entry.size();
    if size > limit {
        return Err(ArchiveError::FileTooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    let mut content = Vec::new();
    let read = entry.read_to_end(&mut content);
    read.map_err(|error| broken(&error))?;
    if content.len() as u64 != size {
        return Err(ArchiveError::Truncated);
    }
    Ok(content)
}

/// The name as a relative path without `.` parts; empty for the root itself.
fn safe_path(name: &[u8]) -> Result<String, ArchiveError> {
    let Ok(path) = std::str::from_utf8(name) else {
        return Err(ArchiveError::UnusableName {
            path: String::from_utf8_lossy(name).into_owned(),
        });
    };
    let owned = || path.to_owned();
    let drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    if path.starts_with('/') || path.starts_with('\\') || drive {
        return Err(ArchiveError::AbsolutePath { path: owned() });
    }
    if path.split(['/', '\\']).any(|part| part == "..") {
        return Err(ArchiveError::EscapingPath { path: owned() });
    }
    if path.contains('\\') || path.chars().any(char::is_control) {
        return Err(ArchiveError::UnusableName { path: owned() });
    }
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    Ok(parts.join("/"))
}

/// What is wrong with the tar layer.
fn broken(error: &io::Error) -> ArchiveError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        ArchiveError::Truncated
    } else {
        ArchiveError::Damaged
    }
}

struct Counted<R> {
    inner: R,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes.set(self.bytes.get() + count as u64);
        Ok(count)
    }
}

struct Bounded<R> {
    inner: R,
    packed: Rc<Cell<u64>>,
    unpacked: u64,
    limits: ArchiveLimits,
    stop: Stop,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.unpacked += count as u64;
        let allowed = self.packed.get().saturating_mul(self.limits.max_ratio);
        if self.unpacked > self.limits.max_total_bytes {
            let limit = self.limits.max_total_bytes;
            return stopped(&self.stop, ArchiveError::TooLarge { limit });
        }
        if self.unpacked > RATIO_FREE_BYTES && self.unpacked > allowed {
            let limit = self.limits.max_ratio;
            return stopped(&self.stop, ArchiveError::RatioTooLarge { limit });
        }
        Ok(count)
    }
}
