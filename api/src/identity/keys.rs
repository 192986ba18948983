//! The public keys of an identity provider: a set of JSON Web Keys (RFC 7517), or a key in PEM.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use crate::identity::token::{Algorithm, KeyHint};

/// The most keys of a set.
const MOST: usize = 64;
/// The most keys that one token is tried with.
const TRIES: usize = 4;

/// A set of keys.
#[derive(Debug, Default)]
pub(crate) struct KeySet(Vec<NamedKey>);

#[derive(Clone, Debug)]
struct NamedKey {
    kid: Option<String>,
    key: PublicKey,
}

/// A key with the one algorithm that it is for: so no token can have it used for another.
#[derive(Clone, Debug)]
pub(crate) enum PublicKey {
    /// A modulus and an exponent, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// An `RSAPublicKey` (RFC 8017, appendix A.1.1).
    RsaDer(Vec<u8>),
    /// A point of P-256, uncompressed.
    P256(Vec<u8>),
    /// A point of edwards25519.
    Ed25519(Vec<u8>),
}

/// The reason for which there are no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadKeys {
    /// The text is neither of the two.
    #[error("it is neither a JWKS nor a public key in PEM")]
    Unreadable,
    /// The text has a secret.
    #[error("it holds a private key; give the public one alone")]
    Private,
    /// No key can be used.
    #[error("it has no key for RS256, ES256 or EdDSA")]
    None,
    /// The set has too many keys.
    #[error("it has more than {MOST} keys")]
    TooMany,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

/// A JSON Web Key, as far as it is of use.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<Value>,
}

impl KeySet {
    /// Reads a set, or the public keys of a file in PEM.
    ///
    /// # Errors
    /// [`BadKeys`] when there is none to be had.
    pub(crate) fn parse(text: &str) -> Result<Self, BadKeys> {
        let keys = match text.trim_start().starts_with('{') {
            true => Self::parse_jwks(text)?,
            false => Self::parse_pem(text)?,
        };
        match keys.is_empty() {
            true => Err(BadKeys::None),
            false => Ok(Self(keys)),
        }
    }

    /// Returns the number of keys.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the keys that a token may be signed with: those that it names, of its algorithm.
    pub(crate) fn find(&self, hint: &KeyHint) -> Vec<PublicKey> {
        let fits = |named: &&NamedKey| {
            let is_meant = match (&named.kid, &hint.kid) {
                (Some(own), Some(wanted)) => own == wanted,
                _ => true,
            };
            is_meant && named.key.algorithm() == hint.algorithm
        };
        let found: Vec<_> = self.0.iter().filter(fits).collect();
        // Which of many is meant, a token has to say.
        match found.len() <= TRIES {
            true => found.into_iter().map(|named| named.key.clone()).collect(),
            false => Vec::new(),
        }
    }

    /// True when the key that a token names is known, be it of another algorithm.
    pub(crate) fn has(&self, hint: &KeyHint) -> bool {
        let is_it = |named: &NamedKey| named.kid.is_some() && named.kid == hint.kid;
        self.0.iter().any(is_it)
    }

    fn parse_jwks(text: &str) -> Result<Vec<NamedKey>, BadKeys> {
        let set: Jwks = serde_json::from_str(text).map_err(|_| BadKeys::Unreadable)?;
        if set.keys.len() > MOST {
            return Err(BadKeys::TooMany);
        }
        let mut keys = Vec::new();
        for value in set.keys {
            // What is not known here is for others.
            let Ok(jwk) = serde_json::from_value::<Jwk>(value) else {
                continue;
            };
            if jwk.d.is_some() {
                return Err(BadKeys::Private);
            }
            if let Some(key) = jwk.key() {
                keys.push(NamedKey { kid: jwk.kid, key });
            }
        }
        Ok(keys)
    }

    fn parse_pem(text: &str) -> Result<Vec<NamedKey>, BadKeys> {
        if text.contains("PRIVATE KEY-----") {
            return Err(BadKeys::Private);
        }
        let mut keys = Vec::new();
        for block in text.split("-----BEGIN PUBLIC KEY-----").skip(1).take(MOST) {
            let body = block.split("-----END PUBLIC KEY-----").next();
            let body: String = body.unwrap_or_default().split_whitespace().collect();
            let der = STANDARD.decode(body).map_err(|_| BadKeys::Unreadable)?;
            let key = of_spki(&der).ok_or(BadKeys::None)?;
            keys.push(NamedKey { kid: None, key });
        }
        match keys.is_empty() {
            true => Err(BadKeys::Unreadable),
            false => Ok(keys),
        }
    }
}

impl PublicKey {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } | Self::RsaDer(_) => Algorithm::RS256,
            Self::P256(_) => Algorithm::ES256,
            Self::Ed25519(_) => Algorithm::EdDSA,
        }
    }

    /// True when the signature of a message is good.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified =
            match self {
                Self::Rsa { n, e } => {
                    let key = RsaPublicKeyComponents { n, e };
                    key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                }
                Self::RsaDer(der) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)
                    .verify(message, signature),
                Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature),
                Self::Ed25519(point) => {
                    UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
                }
            };
        verified.is_ok()
    }
}

impl Jwk {
    /// Returns the key, if it is one to verify with, of an algorithm that is known here.
    fn key(&self) -> Option<PublicKey> {
        let is_to_sign = self
            .purpose
            .as_deref()
            .is_none_or(|purpose| purpose == "sig");
        let verifies = self
            .key_ops
            .as_ref()
            .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let key = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", None) => PublicKey::Rsa {
                n: number(self.n.as_deref()?)?,
                e: number(self.e.as_deref()?)?,
            },
            ("EC", Some("P-256")) => {
                let (x, y) = (point(self.x.as_deref()?)?, point(self.y.as_deref()?)?);
                PublicKey::P256([&[4][..], &x, &y].concat())
            }
            ("OKP", Some("Ed25519")) => PublicKey::Ed25519(point(self.x.as_deref()?)?),
            _ => return None,
        };
        let own = format!("{:?}", key.algorithm());
        let fits = self.alg.as_ref().is_none_or(|alg| *alg == own);
        (is_to_sign && verifies && fits).then_some(key)
    }
}

fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[first..].to_vec())
}

fn point(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    (bytes.len() == 32).then_some(bytes)
}

/// Reads a `SubjectPublicKeyInfo` (RFC 5280, section 4.1; RFC 3279, 5480 and 8410).
fn of_spki(der: &[u8]) -> Option<PublicKey> {
    const SEQUENCE: u8 = 0x30;
    const BITS: u8 = 0x03;
    const OID: u8 = 0x06;
    const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
    const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
    const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
    const ED25519: &[u8] = b"\x2b\x65\x70";
    let (whole, end) = element(der, SEQUENCE)?;
    let (algorithm, rest) = element(whole, SEQUENCE)?;
    let (bits, more) = element(rest, BITS)?;
    let (oid, parameters) = element(algorithm, OID)?;
    let (0, key) = bits.split_first()? else {
        return None; // a key is whole bytes
    };
    let key = key.to_vec();
    let is_whole = end.is_empty() && more.is_empty();
    match oid {
        RSA => Some(PublicKey::RsaDer(key)),
        EC if element(parameters, OID)?.0 == P256 => Some(PublicKey::P256(key)),
        ED25519 => Some(PublicKey::Ed25519(key)),
        _ => None,
    }
    .filter(|_| is_whole)
}

/// Returns the content of the first element of some DER, which has this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => {
            let bytes = rest.first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*bytes)), rest.get(2..)?)
        }
        short @ 0..=0x7f => (usize::from(*short), rest),
        _ => return None,
    };
    (*first == tag).then_some(())?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ed25519(more: Value) -> Value {
        // RFC 8037, appendix A.2.
        let mut key = json!({
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        });
        let more = more.as_object().expect("fields").clone();
        key.as_object_mut().expect("an object").extend(more);
        key
    }

    fn set(keys: &[Value]) -> Result<KeySet, BadKeys> {
        KeySet::parse(&json!({ "keys": keys }).to_string())
    }

    fn hint(algorithm: Algorithm, kid: Option<&str>) -> KeyHint {
        let kid = kid.map(str::to_owned);
        KeyHint { algorithm, kid }
    }

    #[test]
    fn the_signature_of_the_standard_is_good_and_no_other() {
        // RFC 8037, appendix A.4.
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = URL_SAFE_NO_PAD
            .decode(
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_Mu\
                 M0KAg",
            )
            .expect("base64");
        let keys = set(&[ed25519(json!({}))]).expect("a key");
        let found = keys.find(&hint(Algorithm::EdDSA, Some("any")));
        assert!(found[0].verifies(message, &signature));
        assert!(!found[0].verifies(&message[1..], &signature));
        assert!(!found[0].verifies(message, &signature[1..]));
    }

    #[test]
    fn a_key_is_used_for_what_it_is_for_alone() {
        let kids = |more: Value| {
            let keys = set(&[ed25519(more)]).unwrap_or_default();
            keys.find(&hint(Algorithm::EdDSA, Some("1"))).len()
        };
        for fine in [
            json!({}),
            json!({ "use": "sig", "alg": "EdDSA", "kid": "1", "key_ops": ["verify"] }),
            json!({ "x5c": ["x"] }),
        ] {
            assert_eq!(kids(fine), 1);
        }
        for wrong in [
            json!({ "use": "enc" }),
            json!({ "key_ops": ["sign"] }),
            json!({ "alg": "ES256" }),
            json!({ "alg": "HS256" }),
            json!({ "kid": "2" }),
            json!({ "kid": 1 }),
            json!({ "crv": "X25519" }),
            json!({ "kty": "oct", "k": "AAAA" }),
            json!({ "kty": "EC" }),
            json!({ "x": "AAAA" }),
        ] {
            assert_eq!(kids(wrong.clone()), 0, "{wrong}");
        }
        let keys = set(&[ed25519(json!({}))]).expect("a key");
        assert!(keys.find(&hint(Algorithm::RS256, None)).is_empty());
        let named = set(&[ed25519(json!({ "kid": "1" }))]).expect("a key");
        let other = |kid| named.has(&hint(Algorithm::RS256, kid));
        assert!(other(Some("1")) && !other(Some("2")) && !other(None));
        assert!(!keys.has(&hint(Algorithm::EdDSA, None)));
    }

    #[test]
    fn a_set_is_bounded_and_has_no_secrets() {
        assert!(matches!(set(&[]), Err(BadKeys::None)));
        let private = set(&[ed25519(json!({ "d": "AAAA" }))]);
        assert!(matches!(private, Err(BadKeys::Private)));
        let many: Vec<_> = (0..=MOST)
            .map(|kid| ed25519(json!({ "kid": kid.to_string() })))
            .collect();
        assert!(matches!(set(&many), Err(BadKeys::TooMany)));
        let keys = set(&many[1..]).expect("as many as may be");
        assert_eq!(keys.find(&hint(Algorithm::EdDSA, Some("7"))).len(), 1);
        assert!(
            keys.find(&hint(Algorithm::EdDSA, None)).is_empty(),
            "which one is not said"
        );
        for text in ["", "x", "{}", "{\"keys\":{}}", "[]"] {
            assert!(KeySet::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_public_key_in_pem_is_one_of_three_kinds() {
        // RFC 8410, section 10.1.
        let pem = "-----BEGIN PUBLIC KEY-----\r\n\
                   MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\r\n\
                   -----END PUBLIC KEY-----\r\n";
        let keys = KeySet::parse(pem).expect("a key");
        assert_eq!(keys.find(&hint(Algorithm::EdDSA, Some("x"))).len(), 1);
        assert!(matches!(
            KeySet::parse(&pem.replace("PUBLIC", "PRIVATE")),
            Err(BadKeys::Private)
        ));
        let cut = pem.replace("MCowBQ", "MCowBg");
        assert!(KeySet::parse(&cut).is_err());
        for at in 0..44 {
            let der =
                STANDARD.decode("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
            let der = der.expect("base64");
            assert!(of_spki(&der[..at]).is_none(), "{at} bytes");
        }
    }
}
