//! Where what is collected goes: a folder, or a `.tar.gz`. It appears whole, at the end, or not at all.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// A bundle that is being written beside its place.
pub(super) struct Bundle {
    target: PathBuf,
    scratch: PathBuf,
    /// Name of the folder within the archive.
    root: String,
    sink: Sink,
    finished: bool,
}

enum Sink {
    Folder,
    Archive(Box<tar::Builder<GzEncoder<File>>>),
}

impl Bundle {
    /// Begins a bundle; a name that ends in `.tar.gz` or `.tgz` is an archive.
    pub(super) fn create(target: &Path) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let parent = target
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            std::fs::create_dir_all(parent)?;
        }
        let scratch = target.with_file_name(format!(".{name}.{}", std::process::id()));
        let archive = name
            .strip_suffix(".tar.gz")
            .or_else(|| name.strip_suffix(".tgz"));
        let sink = if archive.is_some() {
            let file = private_file(&scratch)?;
            let encoder = GzEncoder::new(file, Compression::default());
            Sink::Archive(Box::new(tar::Builder::new(encoder)))
        } else {
            std::fs::create_dir(&scratch)?;
            Sink::Folder
        };
        Ok(Self {
            target: target.to_owned(),
            scratch,
            root: archive.unwrap_or_default().to_owned(),
            sink,
            finished: false,
        })
    }

    /// Adds a file; `path` is relative to the bundle.
    pub(super) fn add(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        match &mut self.sink {
            Sink::Folder => {
                let path = self.scratch.join(path);
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                private_file(&path)?.write_all(content)
            }
            Sink::Archive(archive) => {
                let mut header = tar::Header::new_gnu();
                header.set_size(content.len() as u64);
                header.set_mode(0o600);
                archive.append_data(&mut header, format!("{}/{path}", self.root), content)
            }
        }
    }

    /// Adds a file compressed by gzip.
    pub(super) fn add_compressed(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content)?;
        self.add(path, &encoder.finish()?)
    }

    /// Puts the bundle in its place, where an older one may be.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if let Sink::Archive(archive) = std::mem::replace(&mut self.sink, Sink::Folder) {
            archive.into_inner()?.finish()?.sync_all()?;
        }
        if self.target.is_dir() {
            std::fs::remove_dir_all(&self.target)?;
        }
        std::fs::rename(&self.scratch, &self.target)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing else can be done about what is left of a bundle that failed.
            let _ = std::fs::remove_dir_all(&self.scratch);
            let _ = std::fs::remove_file(&self.scratch);
        }
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}
