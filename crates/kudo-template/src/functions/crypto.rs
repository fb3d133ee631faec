//! Hashes, password hashes and encryption.

use aes::Aes256;
use cbc::cipher::{Block, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use rsa::sha2::{Sha256, Sha512};
use sha1::{Digest, Sha1};

use super::arguments::{bytes, text};
use super::encoding::{base64, hex, must_decode};
use super::random::fill;
use super::{Context, Function, Output, Param, fixed};
use crate::budget::Failure;
use crate::value::Value;

const TEXT: &[Param] = &[Param::Text];
const TEXT_TEXT: &[Param] = &[Param::Text, Param::Text];
/// Cost of a bcrypt hash: Go's default.
const BCRYPT_COST: u32 = 10;
const BLOCK: usize = 16;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("sha1sum", TEXT, |c, a| {
        hashed(c, a, |bytes| Sha1::digest(bytes).to_vec())
    }),
    fixed("sha256sum", TEXT, |c, a| {
        hashed(c, a, |bytes| Sha256::digest(bytes).to_vec())
    }),
    fixed("sha512sum", TEXT, |c, a| {
        hashed(c, a, |bytes| Sha512::digest(bytes).to_vec())
    }),
    fixed("adler32sum", TEXT, |c, a| {
        c.budget.steps(bytes(a, 0).len() / 64)?;
        Ok(adler32(bytes(a, 0)).to_string().into())
    }),
    fixed("bcrypt", TEXT, |c, a| {
        Ok(bcrypt_hash(c, bytes(a, 0))?.into())
    }),
    fixed("htpasswd", TEXT_TEXT, |c, a| {
        let user = text(a, 0);
        if user.contains(':') {
            return Ok(format!("invalid username: {user}").into());
        }
        let hash = bcrypt_hash(c, bytes(a, 1))?;
        Ok(Value::text([bytes(a, 0), b":", hash.as_bytes()].concat()))
    }),
    fixed("encryptAES", TEXT_TEXT, encrypt),
    fixed("decryptAES", TEXT_TEXT, decrypt),
];

fn hashed(context: &Context, arguments: &[Value], hash: fn(&[u8]) -> Vec<u8>) -> Output {
    let bytes = bytes(arguments, 0);
    context.budget.steps(1 + bytes.len() / 64)?;
    let hash = hash(bytes);
    Ok(hex(&hash).into())
}

fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (a, b) = bytes.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % MODULUS;
        (a, (b + a) % MODULUS)
    });
    b << 16 | a
}

fn bcrypt_hash(context: &Context, password: &[u8]) -> Result<String, Failure> {
    context.budget.costly(1)?;
    let mut salt = [0; 16];
    fill(&mut salt)?;
    let hash = bcrypt::hash_with_salt(password, BCRYPT_COST, salt);
    Ok(match hash {
        Ok(hash) => hash.format_for_version(bcrypt::Version::TwoA),
        Err(error) => format!("failed to encrypt string with bcrypt: {error}"),
    })
}

/// The password cut or filled with zeros to the length of a key.
fn key_of(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().zip(password) {
        *place = *byte;
    }
    key
}

fn encrypt(context: &Context, arguments: &[Value]) -> Output {
    let plain = bytes(arguments, 1);
    if plain.is_empty() {
        return Ok("".into());
    }
    context.budget.text(plain.len().saturating_mul(2))?;
    let padding = BLOCK - plain.len() % BLOCK;
    let mut padded = plain.to_vec();
    padded.resize(plain.len() + padding, u8::try_from(padding).unwrap_or(0));
    let mut iv = [0; BLOCK];
    fill(&mut iv)?;
    let key = key_of(bytes(arguments, 0));
    let mut cipher = cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into());
    for chunk in padded.as_chunks_mut::<BLOCK>().0 {
        let mut block = Block::<Aes256>::from(*chunk);
        cipher.encrypt_block(&mut block);
        *chunk = block.into();
    }
    Ok(base64(&[&iv[..], &padded].concat()).into())
}

fn decrypt(context: &Context, arguments: &[Value]) -> Output {
    let encoded = bytes(arguments, 1);
    if encoded.is_empty() {
        return Ok("".into());
    }
    context.budget.text(encoded.len())?;
    let mut start = must_decode(encoded)?;
    let out_of_range = || Failure::new("runtime error: slice bounds out of range");
    if start.len() < BLOCK {
        return Err(out_of_range());
    }
    let mut blocks = start.split_off(BLOCK);
    let iv: [u8; BLOCK] = start.try_into().map_err(|_| out_of_range())?;
    if blocks.len() % BLOCK != 0 {
        return Err(Failure::new("crypto/cipher: input not full blocks"));
    }
    let key = key_of(bytes(arguments, 0));
    let mut cipher = cbc::Decryptor::<Aes256>::new(&key.into(), &iv.into());
    for chunk in blocks.as_chunks_mut::<BLOCK>().0 {
        let mut block = Block::<Aes256>::from(*chunk);
        cipher.decrypt_block(&mut block);
        *chunk = block.into();
    }
    let padding = usize::from(*blocks.last().ok_or_else(out_of_range)?);
    let length = blocks.len().checked_sub(padding).ok_or_else(out_of_range)?;
    blocks.truncate(length);
    Ok(blocks.into())
}
