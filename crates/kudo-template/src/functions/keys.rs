//! Private keys: making, reading and writing them.

use num_bigint::BigUint;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::DecodePrivateKey;
use rsa::signature::{SignatureEncoding, Signer};

use super::arguments::text;
use super::der::{self, OCTETS, bits, element, sequence, unsigned};
use super::random::fill;
use super::{Context, Output};
use crate::budget::Failure;
use crate::value::Value;

/// How much of the bound on costly operations making a key takes.
const LARGE_KEY: u32 = 4;

const RSA_ENCRYPTION: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const SHA256_WITH_RSA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const EC_PUBLIC_KEY: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const PRIME256V1: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ECDSA_WITH_SHA256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ED25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];

/// A private key of one of the kinds that Sprig makes.
pub(super) enum PrivateKey {
    Rsa(Box<rsa::PrivateKey>),
    Ec(Box<p256::SecretKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
    /// The DER of a DSA key, which can be written but not be used.
    Dsa(Vec<u8>),
}

impl PrivateKey {
    /// Makes an RSA key.
    pub(super) fn rsa(context: &Context, size: usize) -> Result<Self, Failure> {
        context
            .budget
            .costly(if size > 2048 { LARGE_KEY } else { 1 })?;
        rsa::PrivateKey::new(&mut getrandom::SysRng, size)
            .map(|key| Self::Rsa(Box::new(key)))
            .map_err(|error| Failure::new(format!("error generating rsa key: {error}")))
    }

    fn ec() -> Result<Self, Failure> {
        let mut bytes = [0; 32];
        loop {
            fill(&mut bytes)?;
            // All but a few of the numbers are keys.
            if let Ok(key) = p256::SecretKey::from_slice(&bytes) {
                return Ok(Self::Ec(Box::new(key)));
            }
        }
    }

    fn ed25519() -> Result<Self, Failure> {
        let mut bytes = [0; 32];
        fill(&mut bytes)?;
        let key = ed25519_dalek::SigningKey::from_bytes(&bytes);
        Ok(Self::Ed25519(Box::new(key)))
    }

    /// Makes a DSA key in the group of RFC 5114, section 2.3.
    fn dsa(context: &Context) -> Result<Self, Failure> {
        context.budget.costly(1)?;
        let number = |hex: &str| BigUint::parse_bytes(hex.as_bytes(), 16).unwrap_or_default();
        let (modulus, order, base) = (number(DSA_P), number(DSA_Q), number(DSA_G));
        let mut bytes = [0; 40];
        fill(&mut bytes)?;
        let secret = BigUint::from_bytes_be(&bytes) % (&order - 1_u32) + 1_u32;
        let public = base.modpow(&secret, &modulus);
        let numbers = [BigUint::ZERO, modulus, order, base, public, secret];
        let parts = numbers.map(|number| unsigned(&number.to_bytes_be()));
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        Ok(Self::Dsa(sequence(&parts)))
    }

    /// Writes the key in the form of its kind.
    pub(super) fn to_pem(&self) -> Result<String, Failure> {
        Ok(match self {
            Self::Rsa(key) => {
                let der = key.to_pkcs1_der();
                let der = der.map_err(|error| Failure::new(error.to_string()))?;
                der::pem("RSA PRIVATE KEY", der.as_bytes())
            }
            Self::Ec(key) => {
                let public = element(0xa1, &bits(&self.public_bits()?));
                let body = sequence(&[
                    &unsigned(&[1]),
                    &element(OCTETS, &key.to_bytes()),
                    &element(0xa0, PRIME256V1),
                    &public,
                ]);
                der::pem("EC PRIVATE KEY", &body)
            }
            Self::Ed25519(key) => {
                let seed = element(OCTETS, &element(OCTETS, &key.to_bytes()));
                let body = sequence(&[&unsigned(&[0]), &sequence(&[ED25519]), &seed]);
                der::pem("PRIVATE KEY", &body)
            }
            Self::Dsa(body) => der::pem("DSA PRIVATE KEY", body),
        })
    }

    /// Reads a key from PEM.
    pub(super) fn from_pem(text: &str) -> Result<Self, Failure> {
        let Some((label, body)) = der::from_pem(text) else {
            return Err(Failure::new("no PEM data in input"));
        };
        let failed = |what: &str| Failure::new(format!("{what}: not a key of a known kind"));
        match label {
            "PRIVATE KEY" => pkcs8(&body).ok_or_else(|| failed("decoding PEM as PKCS#8")),
            "RSA PRIVATE KEY" => rsa::PrivateKey::from_pkcs1_der(&body)
                .map(|key| Self::Rsa(Box::new(key)))
                .map_err(|_| failed("parsing RSA private key from PEM")),
            "EC PRIVATE KEY" => ec_from_der(&body)
                .map(|key| Self::Ec(Box::new(key)))
                .ok_or_else(|| failed("parsing EC private key from PEM")),
            "DSA PRIVATE KEY" => {
                dsa_from_der(&body).ok_or_else(|| failed("parsing DSA private key from PEM"))
            }
            other => Err(Failure::new(match other.strip_suffix(" PRIVATE KEY") {
                Some(kind) => format!("invalid private key type {kind}"),
                None => format!("no private key data in PEM block of type {other}"),
            })),
        }
    }

    /// The bytes of the public key, without its algorithm.
    pub(super) fn public_bits(&self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Rsa(key) => {
                let der = key.to_public_key().to_pkcs1_der();
                let der = der.map_err(|error| Failure::new(error.to_string()))?;
                Ok(der.as_bytes().to_vec())
            }
            Self::Ec(key) => Ok(key.public_key().to_sec1_point(false).as_bytes().to_vec()),
            Self::Ed25519(key) => Ok(key.verifying_key().to_bytes().to_vec()),
            Self::Dsa(_) => Err(Failure::new(
                "x509: only RSA, ECDSA and Ed25519 keys supported",
            )),
        }
    }

    /// The public key as certificates hold it.
    pub(super) fn public_info(&self) -> Result<Vec<u8>, Failure> {
        let algorithm = match self {
            Self::Rsa(_) => sequence(&[RSA_ENCRYPTION, der::NULL]),
            Self::Ec(_) => sequence(&[EC_PUBLIC_KEY, PRIME256V1]),
            Self::Ed25519(_) | Self::Dsa(_) => sequence(&[ED25519]),
        };
        Ok(sequence(&[&algorithm, &bits(&self.public_bits()?)]))
    }

    /// The algorithm of the signatures that the key makes.
    pub(super) fn signature_algorithm(&self) -> Vec<u8> {
        match self {
            Self::Rsa(_) => sequence(&[SHA256_WITH_RSA, der::NULL]),
            Self::Ec(_) => sequence(&[ECDSA_WITH_SHA256]),
            Self::Ed25519(_) | Self::Dsa(_) => sequence(&[ED25519]),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let failed = |error: rsa::signature::Error| {
            Failure::new(format!("error creating certificate: {error}"))
        };
        match self {
            Self::Rsa(key) => {
                let key = rsa::pkcs1v15::SigningKey::<rsa::sha2::Sha256>::new((**key).clone());
                Ok(key.try_sign(message).map_err(failed)?.to_vec())
            }
            Self::Ec(key) => {
                let key = p256::ecdsa::SigningKey::from(&**key);
                let signature: p256::ecdsa::Signature = key.try_sign(message).map_err(failed)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Self::Ed25519(key) => Ok(key.try_sign(message).map_err(failed)?.to_bytes().to_vec()),
            Self::Dsa(_) => self.public_bits(),
        }
    }
}

fn pkcs8(body: &[u8]) -> Option<PrivateKey> {
    if let Ok(key) = rsa::PrivateKey::from_pkcs8_der(body) {
        return Some(PrivateKey::Rsa(Box::new(key)));
    }
    // SEQUENCE { version, algorithm, OCTET STRING key }
    let (_, content, _) = der::read(body)?;
    let (_, _, rest) = der::read(content)?;
    let (_, algorithm, rest) = der::read(rest)?;
    let (_, key, _) = der::read(rest)?;
    if algorithm.starts_with(ED25519) {
        let (_, seed, _) = der::read(key)?;
        let seed = seed.try_into().ok()?;
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        return Some(PrivateKey::Ed25519(Box::new(key)));
    }
    if algorithm == [EC_PUBLIC_KEY, PRIME256V1].concat() {
        return ec_from_der(key).map(|key| PrivateKey::Ec(Box::new(key)));
    }
    None
}

fn ec_from_der(body: &[u8]) -> Option<p256::SecretKey> {
    let (_, content, _) = der::read(body)?;
    let (_, _, rest) = der::read(content)?;
    let (_, number, parameters) = der::read(rest)?;
    if let Some((0xa0, curve, _)) = der::read(parameters)
        && curve != PRIME256V1
    {
        return None;
    }
    p256::SecretKey::from_slice(number).ok()
}

fn dsa_from_der(body: &[u8]) -> Option<PrivateKey> {
    let (der::SEQUENCE, content, _) = der::read(body)? else {
        return None;
    };
    let mut rest = content;
    for _ in 0..6 {
        let (der::INTEGER, _, tail) = der::read(rest)? else {
            return None;
        };
        rest = tail;
    }
    Some(PrivateKey::Dsa(element(der::SEQUENCE, content)))
}

/// `genPrivateKey`
pub(super) fn generate(context: &Context, arguments: &[Value]) -> Output {
    let kind = text(arguments, 0);
    let key = match kind.as_ref() {
        "" | "rsa" => PrivateKey::rsa(context, 4096)?,
        "dsa" => PrivateKey::dsa(context)?,
        "ecdsa" => {
            context.budget.costly(1)?;
            PrivateKey::ec()?
        }
        "ed25519" => {
            context.budget.costly(1)?;
            PrivateKey::ed25519()?
        }
        other => return Ok(format!("Unknown type {other}").into()),
    };
    Ok(key.to_pem()?.into())
}

const DSA_P: &str = concat!(
    "87A8E61DB4B6663CFFBBD19C651959998CEEF608660DD0F25D2CEED4435E3B00E00DF8F1D61957D4FAF7DF4561B2AA30",
    "16C3D91134096FAA3BF4296D830E9A7C209E0C6497517ABD5A8A9D306BCF67ED91F9E6725B4758C022E0B1EF4275BF7B",
    "6C5BFC11D45F9088B941F54EB1E59BB8BC39A0BF12307F5C4FDB70C581B23F76B63ACAE1CAA6B7902D52526735488A0E",
    "F13C6D9A51BFA4AB3AD8347796524D8EF6A167B5A41825D967E144E5140564251CCACB83E6B486F6B3CA3F7971506026",
    "C0B857F689962856DED4010ABD0BE621C3A3960A54E710C375F26375D7014103A4B54330C198AF126116D2276E11715F",
    "693877FAD7EF09CADB094AE91E1A1597",
);
const DSA_G: &str = concat!(
    "3FB32C9B73134D0B2E77506660EDBD484CA7B18F21EF205407F4793A1A0BA12510DBC15077BE463FFF4FED4AAC0BB555",
    "BE3A6C1B0C6B47B1BC3773BF7E8C6F62901228F8C28CBB18A55AE31341000A650196F931C77A57F2DDF463E5E9EC144B",
    "777DE62AAAB8A8628AC376D282D6ED3864E67982428EBC831D14348F6F2F9193B5045AF2767164E1DFC967C1FB3F2E55",
    "A4BD1BFFE83B9C80D052B985D182EA0ADB2A3B7313D3FE14C8484B1E052588B9B7D2BBD2DF016199ECD06E1557CD0915",
    "B3353BBB64E0EC377FD028370DF92B52C7891428CDC67EB6184B523D1DB246C32F63078490F00EF8D647D148D4795451",
    "5E2327CFEF98C582664B4C0F6CC41659",
);
const DSA_Q: &str = "8CF83642A709A097B447997640129DA299B1A47D1EB3750BA308B0FE64F5FBD3";
