//! Base 64 and base 32.

use std::fmt::Write as _;

use super::arguments::bytes;
use super::{Context, Function, Output, Param, fixed};
use crate::budget::Failure;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("b64enc", &[Param::Text], |c, a| encoded(c, a, base64)),
    fixed("b64dec", &[Param::Text], |c, a| decoded(c, a, from_base64)),
    fixed("b32enc", &[Param::Text], |c, a| {
        encoded(c, a, |bytes| {
            encode(bytes, 5, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        })
    }),
    fixed("b32dec", &[Param::Text], |c, a| decoded(c, a, from_base32)),
];

/// Two digits for each byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Base 64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    encode(
        bytes,
        6,
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    )
}

fn encoded(context: &Context, arguments: &[Value], encode: fn(&[u8]) -> String) -> Output {
    let bytes = bytes(arguments, 0);
    context.budget.text(bytes.len().saturating_mul(2))?;
    Ok(encode(bytes).into())
}

/// What can't be decoded gives the error's text, as in Sprig.
fn decoded(
    context: &Context,
    arguments: &[Value],
    decode: fn(&[u8]) -> Result<Vec<u8>, String>,
) -> Output {
    let bytes = bytes(arguments, 0);
    context.budget.text(bytes.len())?;
    Ok(match decode(bytes) {
        Ok(bytes) => bytes.into(),
        Err(message) => message.into(),
    })
}

/// Digits in a group of whole bytes.
fn group(bits: u32) -> usize {
    if bits == 6 { 4 } else { 8 }
}

fn encode(bytes: &[u8], bits: u32, digits: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    let mut pending = 0_u32;
    let mut count = 0;
    let mask = (1 << bits) - 1;
    let mut push = |value: u32| {
        let digit = usize::try_from(value & mask).ok();
        text.push(char::from(
            digit.and_then(|d| digits.get(d)).copied().unwrap_or(b'='),
        ));
    };
    for byte in bytes {
        pending = (pending << 8) | u32::from(*byte);
        count += 8;
        while count >= bits {
            count -= bits;
            push(pending >> count);
        }
        pending &= (1 << count) - 1;
    }
    if count > 0 {
        push(pending << (bits - count));
    }
    while !text.len().is_multiple_of(group(bits)) {
        text.push('=');
    }
    text
}

fn base64_digit(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

fn base32_digit(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'2'..=b'7' => byte - b'2' + 26,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Reads base 64 with padding; line breaks are skipped. Messages are Go's.
pub(super) fn from_base64(text: &[u8]) -> Result<Vec<u8>, String> {
    let corrupt = |at: usize| Err(format!("illegal base64 data at input byte {at}"));
    let mut input = text.iter().copied().enumerate();
    let mut input = input
        .by_ref()
        .filter(|(_, byte)| !matches!(byte, b'\r' | b'\n'));
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    loop {
        let mut group = Group::default();
        while group.count < 4 {
            let Some((at, byte)) = input.next() else {
                return match group.count {
                    0 => Ok(bytes),
                    count => corrupt(text.len() - count),
                };
            };
            if byte != b'=' {
                match base64_digit(byte) {
                    Some(digit) => group.push(digit, 6),
                    None => return corrupt(at),
                }
                continue;
            }
            // Padding ends the last group, which must hold at least one byte.
            if group.count < 2 {
                return corrupt(at);
            }
            if group.count == 2 {
                match input.next() {
                    None => return corrupt(text.len()),
                    Some((_, b'=')) => {}
                    Some(_) => return corrupt(at),
                }
            }
            if let Some((trailing, _)) = input.next() {
                return corrupt(trailing);
            }
            bytes.extend(group.bytes(6));
            return Ok(bytes);
        }
        bytes.extend(group.bytes(6));
    }
}

/// Reads base 32 with padding; line breaks are not counted. Messages are Go's.
fn from_base32(text: &[u8]) -> Result<Vec<u8>, String> {
    let corrupt = |at: usize| Err(format!("illegal base32 data at input byte {at}"));
    let stripped = text
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'));
    let text: Vec<u8> = stripped.collect();
    let mut bytes = Vec::with_capacity(text.len() / 8 * 5);
    for (index, chunk) in text.chunks(8).enumerate() {
        let start = index * 8;
        let mut group = Group::default();
        for (offset, byte) in chunk.iter().enumerate() {
            let rest = &text[start + offset + 1..];
            if *byte == b'=' && offset >= 2 && rest.len() < 8 {
                if rest.len() + offset < 7 {
                    return corrupt(text.len());
                }
                let wrong = rest.iter().take(7 - offset).position(|byte| *byte != b'=');
                if let Some(wrong) = wrong {
                    return corrupt(start + offset + wrong);
                }
                if matches!(offset, 3 | 6) {
                    return corrupt(start + offset);
                }
                bytes.extend(group.bytes(5));
                return Ok(bytes);
            }
            match base32_digit(*byte) {
                Some(digit) => group.push(digit, 5),
                None => return corrupt(start + offset),
            }
        }
        if chunk.len() < 8 {
            return corrupt(start);
        }
        bytes.extend(group.bytes(5));
    }
    Ok(bytes)
}

/// Digits that together make whole bytes.
#[derive(Debug, Default)]
struct Group {
    bits: u64,
    count: usize,
}

impl Group {
    fn push(&mut self, digit: u32, width: u32) {
        self.bits = self.bits << width | u64::from(digit);
        self.count += 1;
    }

    /// The whole bytes in the digits.
    fn bytes(&self, width: usize) -> Vec<u8> {
        let bits = self.count * width;
        let aligned = self.bits << (64 - bits.min(63));
        let bytes = aligned.to_be_bytes();
        bytes[..bits / 8].to_vec()
    }
}

/// The failure of data that must be base 64.
pub(super) fn must_decode(text: &[u8]) -> Result<Vec<u8>, Failure> {
    from_base64(text).map_err(Failure::new)
}
