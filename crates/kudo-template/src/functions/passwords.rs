//! `derivePassword`: the Master Password algorithm.

use hmac::{Hmac, KeyInit, Mac};
use rsa::sha2::Sha256;

use super::arguments::{bytes, text};
use super::{Context, Function, Output, Param, fixed};
use crate::budget::Failure;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[fixed(
    "derivePassword",
    &[
        Param::Uint32,
        Param::Text,
        Param::Text,
        Param::Text,
        Param::Text,
    ],
    derive,
)];

/// What salts and seeds begin with.
const SCOPE: &[u8] = b"com.lyndir.masterpassword";

/// Patterns of a type of password; each letter stands for a class of characters.
fn patterns(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

fn derive(context: &Context, arguments: &[Value]) -> Output {
    let kind = text(arguments, 1);
    let Some(patterns) = patterns(&kind) else {
        return Ok(format!("cannot find password template {kind}").into());
    };
    context.budget.costly(2)?;
    let counter = match arguments.first() {
        Some(Value::Uint(counter, _)) => u32::try_from(*counter).unwrap_or(u32::MAX),
        _ => 0,
    };
    let (password, user, site) = (
        bytes(arguments, 2),
        bytes(arguments, 3),
        bytes(arguments, 4),
    );
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let salt = [SCOPE, &length(user), user].concat();
    let failed =
        |error: &dyn std::fmt::Display| Failure::new(format!("failed to derive password: {error}"));
    let mut key = [0; 64];
    let params = scrypt::Params::new(15, 8, 2).map_err(|error| failed(&error))?;
    scrypt::scrypt(password, &salt, &params, &mut key).map_err(|error| failed(&error))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| failed(&error))?;
    mac.update(&[SCOPE, &length(site), site, &counter.to_be_bytes()].concat());
    let seed = mac.finalize().into_bytes();
    let pattern = patterns[usize::from(seed[0]) % patterns.len()];
    let derived: String = pattern
        .bytes()
        .zip(seed.iter().skip(1))
        .map(|(class, byte)| {
            let characters = characters(class);
            char::from(characters[usize::from(*byte) % characters.len()])
        })
        .collect();
    Ok(derived.into())
}
