//! Base 64 and base 32.

use super::arguments::bytes;
use super::{Context, Function, Output, Param, fixed};
use crate::budget::Failure;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("b64enc", &[Param::Text], |c, a| encoded(c, a, base64)),
    fixed("b64dec", &[Param::Text], |c, a| {
        decoded(c, a, |bytes| decode(bytes, 6, base64_digit, "base64"))
    }),
    fixed("b32enc", &[Param::Text], |c, a| {
        encoded(c, a, |bytes| encode(bytes, 5, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
    }),
    fixed("b32dec", &[Param::Text], |c, a| {
        decoded(c, a, |bytes| decode(bytes, 5, base32_digit, "base32"))
    }),
];

/// Base 64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    encode(
        bytes,
        6,
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    )
}

/// Reads base 64 with padding; line breaks are skipped.
pub(super) fn from_base64(text: &[u8]) -> Result<Vec<u8>, String> {
    decode(text, 6, base64_digit, "base64")
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
        text.push(char::from(digit.and_then(|d| digits.get(d)).copied().unwrap_or(b'=')));
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
    while text.len() % group(bits) != 0 {
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

/// Decodes groups of digits; the message of a failure is Go's.
fn decode(
    text: &[u8],
    bits: u32,
    digit: fn(u8) -> Option<u32>,
    encoding: &str,
) -> Result<Vec<u8>, String> {
    let corrupt = |at: usize| format!("illegal {encoding} data at input byte {at}");
    let significant: Vec<(usize, u8)> = text
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, byte)| !matches!(byte, b'\r' | b'\n'))
        .collect();
    let group = group(bits);
    // Padding can only end the last group.
    let digits = significant.iter().take_while(|(_, byte)| *byte != b'=').count();
    let mut bytes = Vec::with_capacity(digits);
    let (mut pending, mut count) = (0_u32, 0);
    for (at, byte) in &significant[..digits] {
        let value = digit(*byte).ok_or_else(|| corrupt(*at))?;
        pending = (pending << bits) | value;
        count += bits;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((pending >> count) & 0xff).unwrap_or(0));
            pending &= (1 << count) - 1;
        }
    }
    let tail = digits % group;
    let allowed: &[usize] = if bits == 6 { &[0, 2, 3] } else { &[0, 2, 4, 5, 7] };
    let padding = &significant[digits..];
    let wanted = if tail == 0 { 0 } else { group - tail };
    if !allowed.contains(&tail) {
        let at = padding.first().map_or(text.len(), |(at, _)| *at);
        return Err(corrupt(at.saturating_sub(usize::from(padding.is_empty()) * tail)));
    }
    if padding.len() < wanted {
        return Err(corrupt(text.len()));
    }
    if let Some((at, _)) = padding.iter().take(wanted).find(|(_, byte)| *byte != b'=') {
        return Err(corrupt(*at));
    }
    if let Some((at, _)) = padding.get(wanted) {
        return Err(corrupt(*at));
    }
    Ok(bytes)
}

/// The failure of data that must be base 64.
pub(super) fn must_decode(text: &[u8]) -> Result<Vec<u8>, Failure> {
    from_base64(text).map_err(Failure::new)
}
