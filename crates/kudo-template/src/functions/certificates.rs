//! Certificates. Each of these differs from render to render.

use std::net::IpAddr;
use std::rc::Rc;

use sha1::{Digest, Sha1};
use x509_cert::der::{Decode, Encode};

use super::arguments::{any, bytes, int, list, text};
use super::der::{self, OCTETS, SEQUENCE, bits, element, from_pem, pem, sequence, unsigned};
use super::encoding::from_base64;
use super::keys::{PrivateKey, generate};
use super::lists::only_texts;
use super::random::fill;
use super::time::Time;
use super::{Context, Function, Output, Param, fixed, layout};
use crate::budget::Failure;
use crate::format::sprint;
use crate::value::{Certificate, Value, lossy};

const CA: &[Param] = &[Param::Text, Param::Int];
const SELF_SIGNED: &[Param] = &[Param::Text, Param::List, Param::List, Param::Int];

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("genPrivateKey", &[Param::Text], generate),
    fixed("buildCustomCert", &[Param::Text, Param::Text], build_custom),
    fixed("genCA", CA, |c, a| {
        let key = PrivateKey::rsa(c, 2048)?;
        authority(a, &key)
    }),
    fixed(
        "genCAWithKey",
        &[Param::Text, Param::Int, Param::Text],
        |c, a| {
            let key = given_key(c, a, 2)?;
            authority(a, &key)
        },
    ),
    fixed("genSelfSignedCert", SELF_SIGNED, |c, a| {
        let key = PrivateKey::rsa(c, 2048)?;
        self_signed(c, a, &key)
    }),
    fixed(
        "genSelfSignedCertWithKey",
        &[
            Param::Text,
            Param::List,
            Param::List,
            Param::Int,
            Param::Text,
        ],
        |c, a| {
            let key = given_key(c, a, 4)?;
            self_signed(c, a, &key)
        },
    ),
    fixed(
        "genSignedCert",
        &[
            Param::Text,
            Param::List,
            Param::List,
            Param::Int,
            Param::Certificate,
        ],
        |c, a| {
            let key = PrivateKey::rsa(c, 2048)?;
            signed(c, a, &key)
        },
    ),
    fixed(
        "genSignedCertWithKey",
        &[
            Param::Text,
            Param::List,
            Param::List,
            Param::Int,
            Param::Certificate,
            Param::Text,
        ],
        |c, a| {
            let key = given_key(c, a, 5)?;
            signed(c, a, &key)
        },
    ),
];

fn made(cert: String, key: String) -> Value {
    Value::Object(Rc::new(Certificate { cert, key }))
}

fn given_key(context: &Context, arguments: &[Value], index: usize) -> Result<PrivateKey, Failure> {
    context.budget.costly(1)?;
    PrivateKey::from_pem(&text(arguments, index)).map_err(|failure| match failure {
        Failure::Message(message) => Failure::Message(format!("parsing private key: {message}")),
        limit @ Failure::Limit(_) => limit,
    })
}

/// Checks a certificate and key made elsewhere.
fn build_custom(_: &Context, arguments: &[Value]) -> Output {
    let decoded = |index: usize, what: &str| {
        from_base64(bytes(arguments, index))
            .map(|bytes| lossy(&bytes).into_owned())
            .map_err(|_| Failure::new(format!("unable to decode base64 {what}")))
    };
    let cert = decoded(0, "certificate")?;
    let key = decoded(1, "private key")?;
    parse_certificate(&cert)?;
    PrivateKey::from_pem(&key).map_err(key_error)?;
    Ok(made(cert, key))
}

fn key_error(failure: Failure) -> Failure {
    match failure {
        Failure::Message(message) => Failure::new(format!("error parsing private key: {message}")),
        limit @ Failure::Limit(_) => limit,
    }
}

fn parse_certificate(text: &str) -> Result<x509_cert::Certificate, Failure> {
    let Some((_, body)) = from_pem(text) else {
        return Err(Failure::new("unable to decode certificate"));
    };
    x509_cert::Certificate::from_der(&body)
        .map_err(|error| Failure::new(format!("error parsing certificate: {error}")))
}

/// What a certificate says of its subject.
struct Subject {
    name: Vec<u8>,
    /// The alternative names: content of the extension, empty if there are none.
    names: Vec<u8>,
    days: i64,
    authority: bool,
}

/// Who signs: name, key and the identifier of the key.
struct Issuer<'a> {
    name: Vec<u8>,
    key: &'a PrivateKey,
    key_id: Vec<u8>,
}

fn authority(arguments: &[Value], key: &PrivateKey) -> Output {
    let name = common_name(&text(arguments, 0));
    let subject = Subject {
        name: name.clone(),
        names: Vec::new(),
        days: int(arguments, 1),
        authority: true,
    };
    issue(
        &subject,
        key,
        &Issuer {
            name,
            key,
            key_id: Vec::new(),
        },
    )
}

fn self_signed(context: &Context, arguments: &[Value], key: &PrivateKey) -> Output {
    let subject = leaf(context, arguments)?;
    let name = subject.name.clone();
    issue(
        &subject,
        key,
        &Issuer {
            name,
            key,
            key_id: Vec::new(),
        },
    )
}

fn signed(context: &Context, arguments: &[Value], key: &PrivateKey) -> Output {
    let authority = match any(arguments, 4) {
        Value::Object(object) => object.as_any().downcast_ref::<Certificate>().cloned(),
        _ => None,
    };
    let authority = authority.ok_or_else(|| Failure::new("unable to decode certificate"))?;
    let cert = parse_certificate(&authority.cert)?;
    let authority_key = PrivateKey::from_pem(&authority.key).map_err(key_error)?;
    let unreadable =
        |error: x509_cert::der::Error| Failure::new(format!("error parsing certificate: {error}"));
    let tbs = cert.tbs_certificate();
    let public = tbs.subject_public_key_info().to_der().map_err(unreadable)?;
    if public != authority_key.public_info()? {
        return Err(Failure::new(
            "error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey",
        ));
    }
    let extensions = tbs
        .extensions()
        .map_or(&[][..], |extensions| extensions.as_slice());
    let key_id = extensions
        .iter()
        .find(|extension| extension.extn_id.to_string() == "2.5.29.14")
        .and_then(|extension| der::read(extension.extn_value.as_bytes()))
        .map(|(_, id, _)| id.to_vec())
        .unwrap_or_default();
    let subject = leaf(context, arguments)?;
    let issuer = Issuer {
        name: tbs.subject().to_der().map_err(unreadable)?,
        key: &authority_key,
        key_id,
    };
    issue(&subject, key, &issuer)
}

fn leaf(context: &Context, arguments: &[Value]) -> Result<Subject, Failure> {
    Ok(Subject {
        name: common_name(&text(arguments, 0)),
        names: alternative_names(context, arguments)?,
        days: int(arguments, 3),
        authority: false,
    })
}

/// A name that is nothing but a common name.
fn common_name(name: &str) -> Vec<u8> {
    if name.is_empty() {
        return element(SEQUENCE, &[]);
    }
    let printable = |c: char| c.is_ascii_alphanumeric() || "'()+,-./:=? ".contains(c);
    let tag = if name.chars().all(printable) {
        0x13
    } else {
        0x0c
    };
    let attribute = sequence(&[&[0x06, 3, 0x55, 0x04, 0x03], &element(tag, name.as_bytes())]);
    sequence(&[&element(der::SET, &attribute)])
}

fn alternative_names(context: &Context, arguments: &[Value]) -> Result<Vec<u8>, Failure> {
    let shown = |value: &Value| {
        let bytes = sprint(&context.budget, value).unwrap_or_default();
        lossy(&bytes).into_owned()
    };
    let addresses = only_texts(list(arguments, 1)).map_err(|value| {
        Failure::new(format!(
            "error parsing ip: {} is not a string",
            shown(value)
        ))
    })?;
    let names = only_texts(list(arguments, 2)).map_err(|value| {
        Failure::new(format!(
            "error processing alternate dns name: {} is not a string",
            shown(value)
        ))
    })?;
    let mut extension = Vec::new();
    let mut ips = Vec::new();
    for address in addresses {
        let text = address.to_str();
        let parsed: Result<IpAddr, _> = text.parse();
        let parsed = parsed.map_err(|_| Failure::new(format!("error parsing ip: {text}")))?;
        let octets = match parsed.to_canonical() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        ips.extend(element(0x87, &octets));
    }
    for name in names {
        if !name.as_bytes().is_ascii() {
            let name = crate::format::quote(name.as_bytes(), false);
            return Err(Failure::new(format!(
                "error creating certificate: x509: {name} cannot be encoded as an IA5String"
            )));
        }
        extension.extend(element(0x82, name.as_bytes()));
    }
    extension.extend(ips);
    Ok(extension)
}

/// Makes and signs the certificate of `key`.
fn issue(subject: &Subject, key: &PrivateKey, issuer: &Issuer<'_>) -> Output {
    let mut serial = [0; 16];
    fill(&mut serial)?;
    let algorithm = issuer.key.signature_algorithm();
    let now = Time::now();
    let seconds = subject.days.saturating_mul(86_400);
    let mut end = now.clone();
    end.seconds = end.seconds.saturating_add(seconds);
    let validity = sequence(&[&time(&now)?, &time(&end)?]);
    let extensions = element(SEQUENCE, &extensions(subject, key, issuer)?);
    let body = sequence(&[
        &element(0xa0, &unsigned(&[2])),
        &unsigned(&serial),
        &algorithm,
        &issuer.name,
        &validity,
        &subject.name,
        &key.public_info()?,
        &element(0xa3, &extensions),
    ]);
    let signature = issuer.key.sign(&body)?;
    let whole = sequence(&[&body, &algorithm, &bits(&signature)]);
    Ok(made(pem("CERTIFICATE", &whole), key.to_pem()?))
}

fn time(time: &Time) -> Result<Vec<u8>, Failure> {
    let year = time.civil().year;
    match year {
        1950..2050 => Ok(element(
            0x17,
            layout::format(time, "060102150405Z").as_bytes(),
        )),
        0..10_000 => Ok(element(
            0x18,
            layout::format(time, "20060102150405Z").as_bytes(),
        )),
        _ => Err(Failure::new(
            "error creating certificate: cannot represent time as GeneralizedTime",
        )),
    }
}

fn extensions(
    subject: &Subject,
    key: &PrivateKey,
    issuer: &Issuer<'_>,
) -> Result<Vec<u8>, Failure> {
    const CRITICAL: &[u8] = &[0x01, 0x01, 0xff];
    // Object identifiers below 2.5.29 are the number of the extension.
    let extension = |number: u8, critical: bool, content: &[u8]| {
        let critical = if critical { CRITICAL } else { &[] };
        sequence(&[
            &[0x06, 3, 0x55, 0x1d, number],
            critical,
            &element(OCTETS, content),
        ])
    };
    // Digital signature and key encipherment; an authority signs certificates as well.
    let usage: &[u8] = if subject.authority {
        &[0x03, 2, 2, 0xa4]
    } else {
        &[0x03, 2, 5, 0xa0]
    };
    let server = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];
    let client = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];
    let constraints = if subject.authority { CRITICAL } else { &[] };
    let mut all = extension(15, true, usage);
    all.extend(extension(37, false, &sequence(&[&server, &client])));
    all.extend(extension(19, true, &element(SEQUENCE, constraints)));
    if subject.authority {
        let id = Sha1::digest(key.public_bits()?);
        all.extend(extension(14, false, &element(OCTETS, id.as_slice())));
    }
    if !issuer.key_id.is_empty() && issuer.name != subject.name {
        let id = element(0x80, &issuer.key_id);
        all.extend(extension(35, false, &element(SEQUENCE, &id)));
    }
    if !subject.names.is_empty() {
        let critical = subject.name.len() <= 2;
        all.extend(extension(17, critical, &element(SEQUENCE, &subject.names)));
    }
    Ok(all)
}
