//! Parsed templates, kept for the next render.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::go;
use crate::handlebars;

/// Most templates kept.
const MAX_ENTRIES: usize = 1024;
/// Most bytes of text kept; trees take several times as much.
const MAX_BYTES: usize = 8 << 20;

/// A parsed template of either language.
#[derive(Debug)]
pub(crate) enum Parsed {
    Go(go::Template),
    Handlebars(handlebars::Template),
}

/// A bounded store of parsed templates, least recently used ones leave first.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    hasher: RandomState,
    store: Mutex<Store>,
}

#[derive(Debug, Default)]
struct Store {
    entries: HashMap<u64, Entry>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    name: String,
    text: String,
    parsed: Arc<Parsed>,
    used: u64,
}

impl Cache {
    /// Finds the template, or parses and keeps it. What can't be parsed is not kept.
    pub(crate) fn get_or_parse<E>(
        &self,
        name: &str,
        text: &str,
        parse: impl FnOnce() -> Result<Parsed, E>,
    ) -> Result<Arc<Parsed>, E> {
        let key = self.hasher.hash_one((name, text));
        if let Some(parsed) = self.lock().find(key, name, text) {
            return Ok(parsed);
        }
        let parsed = Arc::new(parse()?);
        self.lock().insert(key, name, text, Arc::clone(&parsed));
        Ok(parsed)
    }

    /// Nothing that holds the lock leaves the store half changed, so a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    fn find(&mut self, key: u64, name: &str, text: &str) -> Option<Arc<Parsed>> {
        self.clock += 1;
        let entry = self.entries.get_mut(&key)?;
        if entry.name != name || entry.text != text {
            return None;
        }
        entry.used = self.clock;
        Some(Arc::clone(&entry.parsed))
    }

    fn insert(&mut self, key: u64, name: &str, text: &str, parsed: Arc<Parsed>) {
        if text.len() > MAX_BYTES / 4 {
            return;
        }
        self.remove(key);
        while self.entries.len() >= MAX_ENTRIES || self.bytes + text.len() > MAX_BYTES {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(key, _)| *key) else {
                break;
            };
            self.remove(oldest);
        }
        self.bytes += text.len();
        let entry = Entry {
            name: name.to_owned(),
            text: text.to_owned(),
            parsed,
            used: self.clock,
        };
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: u64) {
        if let Some(entry) = self.entries.remove(&key) {
            self.bytes -= entry.text.len();
        }
    }
}
