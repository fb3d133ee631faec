//! What a server makes up: uids, ends of names, ports. With a seed it makes up the same each time.

use std::sync::{Mutex, PoisonError};

/// What made-up names are written with.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A source of made-up values.
#[derive(Debug)]
pub(crate) struct Chance {
    state: Mutex<u64>,
}

impl Chance {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let seed = seed.unwrap_or_else(|| {
            let mut bytes = [0; 8];
            match getrandom::fill(&mut bytes) {
                Ok(()) => u64::from_le_bytes(bytes),
                Err(_) => u64::from(std::process::id()),
            }
        });
        Self {
            state: Mutex::new(seed),
        }
    }

    /// The next number (splitmix64).
    pub(crate) fn number(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn uid(&self) -> String {
        let (high, low) = (self.number(), self.number());
        let bytes = ((u128::from(high) << 64) | u128::from(low)).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string()
    }

    /// The five characters that end a generated name.
    pub(crate) fn suffix(&self) -> String {
        let mut number = self.number();
        let mut text = String::new();
        for _ in 0..5 {
            let letter = usize::try_from(number % LETTERS.len() as u64).unwrap_or_default();
            text.push(char::from(LETTERS[letter]));
            number /= LETTERS.len() as u64;
        }
        text
    }
}
