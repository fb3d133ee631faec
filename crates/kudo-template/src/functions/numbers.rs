//! Sprig's arithmetic: integers wrap around at 64 bits, `…f` functions calculate in decimals.

use super::arguments::{any, bytes, int};
use super::cast::{to_float, to_int, to_text};
use super::decimal::Decimal;
use super::{Context, Function, Output, Param, fixed, variadic};
use crate::budget::Failure;
use crate::format::parse_int;
use crate::value::{List, ListType, Value, lossy};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("atoi", &[Param::Text], |_, a| {
        Ok(Value::int(
            parse_int(&lossy(bytes(a, 0)), 10).unwrap_or_else(|| {
                // Go gives the nearest integer for what is out of range.
                saturated(&lossy(bytes(a, 0)))
            }),
        ))
    }),
    fixed("int64", &[Param::Any], |_, a| {
        Ok(Value::int64(to_int(any(a, 0))))
    }),
    fixed("int", &[Param::Any], |_, a| {
        Ok(Value::int(to_int(any(a, 0))))
    }),
    fixed("float64", &[Param::Any], |_, a| {
        Ok(Value::Float(to_float(any(a, 0))))
    }),
    fixed("toDecimal", &[Param::Any], |c, a| {
        let text = to_text(c, any(a, 0))?;
        Ok(Value::int64(parse_int(&lossy(&text), 8).unwrap_or(0)))
    }),
    variadic("seq", &[], Param::Int, seq),
    fixed("until", &[Param::Int], |c, a| {
        let count = int(a, 0);
        stepped(c, 0, count, if count < 0 { -1 } else { 1 }).map(ints)
    }),
    fixed(
        "untilStep",
        &[Param::Int, Param::Int, Param::Int],
        |c, a| stepped(c, int(a, 0), int(a, 1), int(a, 2)).map(ints),
    ),
    fixed("add1", &[Param::Any], |_, a| {
        Ok(Value::int64(to_int(any(a, 0)).wrapping_add(1)))
    }),
    variadic("add", &[], Param::Any, |_, a| {
        Ok(Value::int64(
            a.iter().map(to_int).fold(0, i64::wrapping_add),
        ))
    }),
    fixed("sub", &[Param::Any, Param::Any], |_, a| {
        Ok(Value::int64(
            to_int(any(a, 0)).wrapping_sub(to_int(any(a, 1))),
        ))
    }),
    fixed("div", &[Param::Any, Param::Any], |_, a| {
        divided(a, i64::wrapping_div)
    }),
    fixed("mod", &[Param::Any, Param::Any], |_, a| {
        divided(a, i64::wrapping_rem)
    }),
    variadic("mul", &[Param::Any], Param::Any, |_, a| {
        Ok(Value::int64(
            a.iter().map(to_int).fold(1, i64::wrapping_mul),
        ))
    }),
    fixed("add1f", &[Param::Any], |c, a| {
        decimals(c, to_float(any(a, 0)), &[1.0], |x, y| Ok(x.add(y)))
    }),
    variadic("addf", &[], Param::Any, |c, a| {
        let numbers: Vec<f64> = a.iter().map(to_float).collect();
        decimals(c, 0.0, &numbers, |x, y| Ok(x.add(y)))
    }),
    variadic("subf", &[Param::Any], Param::Any, |c, a| {
        folded(c, a, |x, y| Ok(x.sub(y)))
    }),
    variadic("divf", &[Param::Any], Param::Any, |c, a| {
        folded(c, a, Decimal::div)
    }),
    variadic("mulf", &[Param::Any], Param::Any, |c, a| {
        folded(c, a, |x, y| Ok(x.mul(y)))
    }),
    variadic("biggest", &[Param::Any], Param::Any, biggest),
    variadic("max", &[Param::Any], Param::Any, biggest),
    variadic("min", &[Param::Any], Param::Any, |_, a| {
        Ok(Value::int64(a.iter().map(to_int).min().unwrap_or(0)))
    }),
    variadic("maxf", &[Param::Any], Param::Any, |_, a| {
        Ok(Value::Float(extreme(a, f64::max)))
    }),
    variadic("minf", &[Param::Any], Param::Any, |_, a| {
        Ok(Value::Float(extreme(a, f64::min)))
    }),
    fixed("ceil", &[Param::Any], |_, a| {
        Ok(Value::Float(to_float(any(a, 0)).ceil()))
    }),
    fixed("floor", &[Param::Any], |_, a| {
        Ok(Value::Float(to_float(any(a, 0)).floor()))
    }),
    variadic("round", &[Param::Any, Param::Int], Param::Float, round),
];

/// What a decimal integer that is out of range is read as; 0 if it is none.
fn saturated(text: &str) -> i64 {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    }
}

/// The numbers from `start` up to but not including `stop`; none if the step leads away from it.
fn stepped(context: &Context, start: i64, limit: i64, step: i64) -> Result<Vec<i64>, Failure> {
    let leads = if limit < start { step < 0 } else { step > 0 };
    if !leads {
        return Ok(Vec::new());
    }
    let count = start.abs_diff(limit).div_ceil(step.unsigned_abs());
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    context.budget.list(count)?;
    let mut numbers = Vec::with_capacity(count);
    let mut next = Some(start);
    while let Some(number) = next.filter(|_| numbers.len() < count) {
        numbers.push(number);
        next = number.checked_add(step);
    }
    Ok(numbers)
}

fn ints(numbers: Vec<i64>) -> Value {
    let items = numbers.into_iter().map(Value::int).collect();
    Value::List(List::new(ListType::Int, items))
}

/// As the program of that name: from, step, to.
fn seq(context: &Context, arguments: &[Value]) -> Output {
    let (start, step, end) = match arguments.len() {
        1 => (1, None, int(arguments, 0)),
        2 => (int(arguments, 0), None, int(arguments, 1)),
        3 => (
            int(arguments, 0),
            Some(int(arguments, 1)),
            int(arguments, 2),
        ),
        _ => return Ok("".into()),
    };
    let toward = if end < start { -1 } else { 1 };
    if end < start && step.is_some_and(|step| step > 0) {
        return Ok("".into());
    }
    let limit = end.wrapping_add(toward);
    let numbers = stepped(context, start, limit, step.unwrap_or(toward))?;
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    let text = numbers.join(" ");
    context.budget.text(text.len())?;
    Ok(text.into())
}

fn divided(arguments: &[Value], divide: fn(i64, i64) -> i64) -> Output {
    let divisor = to_int(any(arguments, 1));
    if divisor == 0 {
        return Err(Failure::new("runtime error: integer divide by zero"));
    }
    Ok(Value::int64(divide(to_int(any(arguments, 0)), divisor)))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "has the type of all functions in the tables"
)]
fn biggest(_: &Context, arguments: &[Value]) -> Output {
    Ok(Value::int64(
        arguments.iter().map(to_int).max().unwrap_or(0),
    ))
}

/// Go's `math.Max` and `math.Min`: not a number wins.
fn extreme(arguments: &[Value], choose: fn(f64, f64) -> f64) -> f64 {
    let numbers = arguments.iter().map(to_float);
    let chosen = numbers.reduce(|a, b| {
        if a.is_nan() || b.is_nan() {
            f64::NAN
        } else {
            choose(a, b)
        }
    });
    chosen.unwrap_or(0.0)
}

type Operation = fn(&Decimal, &Decimal) -> Result<Decimal, Failure>;

fn folded(context: &Context, arguments: &[Value], operation: Operation) -> Output {
    let numbers: Vec<f64> = arguments.iter().map(to_float).collect();
    let (first, rest) = numbers
        .split_first()
        .map_or((0.0, &[][..]), |(f, r)| (*f, r));
    decimals(context, first, rest, operation)
}

fn decimals(context: &Context, first: f64, rest: &[f64], operation: Operation) -> Output {
    let mut result = Decimal::new(first)?;
    for number in rest {
        result = operation(&result, &Decimal::new(*number)?)?;
        context.budget.memory(result.size())?;
        context.budget.steps(1 + result.size() / 8)?;
    }
    Ok(Value::Float(result.to_float()))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "has the type of all functions in the tables"
)]
fn round(_: &Context, arguments: &[Value]) -> Output {
    let value = to_float(any(arguments, 0));
    let places = to_float(any(arguments, 1));
    let threshold = match arguments.get(2) {
        Some(Value::Float(threshold)) => *threshold,
        _ => 0.5,
    };
    let power = power_of_ten(places);
    let scaled = power * value;
    let rounded = if scaled.fract() >= threshold {
        scaled.ceil()
    } else {
        scaled.floor()
    };
    Ok(Value::Float(rounded / power))
}

/// 10 to the power of an integer, exact as long as a float can be.
#[expect(
    clippy::cast_possible_truncation,
    reason = "beyond the range the result is zero or infinite anyway"
)]
fn power_of_ten(places: f64) -> f64 {
    let places = places.clamp(-400.0, 400.0) as i32;
    format!("1e{places}").parse().unwrap_or(f64::NAN)
}
