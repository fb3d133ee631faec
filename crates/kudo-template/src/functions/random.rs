//! Random texts and numbers. What these give differs from render to render.

use super::arguments::{int, text};
use super::encoding::hex;
use super::{Context, Function, Output, Param, fixed};
use crate::budget::Failure;
use crate::value::Value;

const INT: &[Param] = &[Param::Int];

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("randAlphaNum", INT, |c, a| {
        random_text(c, a, |byte| byte.is_ascii_alphanumeric())
    }),
    fixed("randAlpha", INT, |c, a| {
        random_text(c, a, |byte| byte.is_ascii_alphabetic())
    }),
    fixed("randNumeric", INT, |c, a| {
        random_text(c, a, |byte| byte.is_ascii_digit())
    }),
    fixed("randAscii", INT, |c, a| {
        random_text(c, a, |byte| (b' '..=b'~').contains(&byte))
    }),
    fixed("randBytes", INT, random_bytes),
    fixed("randInt", &[Param::Int, Param::Int], random_int),
    fixed("shuffle", &[Param::Text], shuffle),
    fixed("uuidv4", &[], uuid),
];

/// Fills a buffer with random bytes of the operating system.
pub(super) fn fill(buffer: &mut [u8]) -> Result<(), Failure> {
    getrandom::fill(buffer).map_err(|error| Failure::new(format!("no random bytes: {error}")))
}

/// Random bytes in blocks.
struct Source {
    block: [u8; 512],
    used: usize,
}

impl Source {
    fn new() -> Self {
        Self {
            block: [0; 512],
            used: 512,
        }
    }

    fn byte(&mut self) -> Result<u8, Failure> {
        if self.used == self.block.len() {
            fill(&mut self.block)?;
            self.used = 0;
        }
        self.used += 1;
        Ok(self.block[self.used - 1])
    }

    /// A number below `bound`, each as likely as the others.
    fn below(&mut self, bound: u64) -> Result<u64, Failure> {
        let excess = (u64::MAX % bound + 1) % bound;
        loop {
            let mut bytes = [0; 8];
            for byte in &mut bytes {
                *byte = self.byte()?;
            }
            let number = u64::from_le_bytes(bytes);
            if number <= u64::MAX - excess {
                return Ok(number % bound);
            }
        }
    }
}

fn random_text(context: &Context, arguments: &[Value], wanted: fn(u8) -> bool) -> Output {
    // A negative count gives nothing, as in Sprig.
    let count = usize::try_from(int(arguments, 0)).unwrap_or(0);
    context.budget.text(count)?;
    context.budget.steps(count / 16)?;
    let mut source = Source::new();
    let mut text = Vec::with_capacity(count);
    while text.len() < count {
        let byte = source.byte()? & 0x7f;
        if wanted(byte) {
            text.push(byte);
        }
    }
    Ok(text.into())
}

fn random_bytes(context: &Context, arguments: &[Value]) -> Output {
    let Ok(count) = usize::try_from(int(arguments, 0)) else {
        return Err(Failure::new("runtime error: makeslice: len out of range"));
    };
    context.budget.text(count.saturating_mul(4) / 3)?;
    let mut bytes = vec![0; count];
    fill(&mut bytes)?;
    Ok(super::encoding::base64(&bytes).into())
}

fn random_int(_: &Context, arguments: &[Value]) -> Output {
    let (min, max) = (int(arguments, 0), int(arguments, 1));
    let bound = max
        .checked_sub(min)
        .and_then(|bound| u64::try_from(bound).ok());
    let Some(bound) = bound.filter(|bound| *bound > 0) else {
        return Err(Failure::new("invalid argument to Intn"));
    };
    let offset = Source::new().below(bound)?;
    Ok(Value::int(min.wrapping_add_unsigned(offset)))
}

fn shuffle(context: &Context, arguments: &[Value]) -> Output {
    let mut chars: Vec<char> = text(arguments, 0).chars().collect();
    context.budget.memory(chars.len() * 4)?;
    let mut source = Source::new();
    for index in (1..chars.len()).rev() {
        let other = source.below(u64::try_from(index).unwrap_or(0) + 1)?;
        chars.swap(index, usize::try_from(other).unwrap_or(0));
    }
    let shuffled: String = chars.into_iter().collect();
    context.budget.text(shuffled.len())?;
    Ok(shuffled.into())
}

fn uuid(_: &Context, _: &[Value]) -> Output {
    let mut bytes = [0; 16];
    fill(&mut bytes)?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let parts = [
        hex(&bytes[..4]),
        hex(&bytes[4..6]),
        hex(&bytes[6..8]),
        hex(&bytes[8..10]),
        hex(&bytes[10..]),
    ];
    Ok(parts.join("-").into())
}
