//! Text of values as Go's `fmt` and `strconv` packages make it.

mod directives;
mod float;
mod number;
mod printer;
mod quote;
mod scan;

pub(crate) use directives::printf;
pub(crate) use float::{complex, float};
pub(crate) use printer::{print, println, sprint};
pub(crate) use quote::{is_print, quote, quote_char, unquote, unquote_char};
pub(crate) use scan::{parse_float, parse_int, parse_uint};
