//! A token of an identity provider: a JWT (RFC 7519) in the compact form of JWS (RFC 7515), read
//! and checked as RFC 8725 advises.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{Partition, Tick, is_external_id};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use store::TOKEN_LIFE;

use crate::identity::{Refusal, rules::Rules};

/// The most bytes of a token.
const MAX_TOKEN: usize = 8 << 10;
/// The first bytes of every header, as JSON in base64url.
const BEGIN: &str = "eyJ";
/// The order of the group of P-256 (FIPS 186-5, SP 800-186, section 3.2.1.3).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// A text with the shape of a token. Nothing of it is verified, and `Debug` never prints it.
#[derive(Clone)]
pub(crate) struct Jwt {
    text: String,
    partition: Partition,
}

/// The algorithms that a token may be signed with; what else there is, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// EdDSA on edwards25519.
    EdDSA,
}

/// The header of a token. Fields that would tell where a key is are not believed, so a
/// token that has one is refused.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
    jku: Option<Value>,
    jwk: Option<Value>,
    x5u: Option<Value>,
}

/// The key that a token names.
#[derive(Clone, Debug)]
pub(crate) struct KeyHint {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
}

/// The claims of a token about its user, to be believed if its signature is good.
#[derive(Debug)]
pub(crate) struct Claims {
    /// The id of the user in the product.
    pub(crate) subject: String,
    /// The name of the user, if the token has one.
    pub(crate) display_name: Option<String>,
    /// The tick at which it was issued, at the earliest.
    pub(crate) issued: Tick,
    /// The tick at which it expires, at the latest.
    pub(crate) expires: Tick,
}

impl Jwt {
    /// Reads a text; `None` when it has not the shape of a token. `subject` is the claim that names
    /// the user, by which the session is found: whoever makes one up finds none.
    pub(crate) fn read(text: &str, subject: &str) -> Option<Self> {
        let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let has_shape = text.len() <= MAX_TOKEN
            && text.starts_with(BEGIN)
            && text.bytes().all(is_one)
            && text.bytes().filter(|byte| *byte == b'.').count() == 2;
        if !has_shape {
            return None;
        }
        let claims = text.split('.').nth(1).and_then(object);
        let named = claims.and_then(|claims| text_of(claims.get(subject)?));
        Some(Self {
            text: text.to_owned(),
            partition: Partition::of_text(&named.unwrap_or_default()),
        })
    }

    /// Returns the partition of the user, if the user was made by their external id.
    pub(crate) fn partition(&self) -> Partition {
        self.partition
    }

    /// Returns what is stored of the token: a SHA-256 in hex, the same for all its forms.
    pub(crate) fn hash(&self) -> String {
        let (signed, signature) = self.parts();
        let mut hash = Sha256::new_with_prefix(signed);
        hash.update(b".");
        match URL_SAFE_NO_PAD.decode(signature) {
            Ok(signature) => hash.update(one_form(signature)),
            Err(_) => hash.update(signature),
        }
        let hash = hash.finalize();
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns what is signed, and the signature.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when the signature is no base64url.
    pub(crate) fn signed(&self) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
        let (signed, signature) = self.parts();
        let signature = URL_SAFE_NO_PAD.decode(signature);
        let signature = signature.map_err(|_| Refusal::Malformed("its signature"))?;
        Ok((signed.as_bytes().to_vec(), signature))
    }

    /// Reads which key the token says that it is signed with.
    ///
    /// # Errors
    /// [`Refusal`] when the header asks for what is not done here.
    pub(crate) fn key(&self) -> Result<KeyHint, Refusal> {
        let bytes = self
            .text
            .split('.')
            .next()
            .map(|part| URL_SAFE_NO_PAD.decode(part));
        let header: Option<Header> = bytes
            .and_then(Result::ok)
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let header = header.ok_or(Refusal::Malformed("its header"))?;
        let algorithm = Algorithm::deserialize(Value::from(header.alg));
        let algorithm = algorithm.map_err(|_| Refusal::Algorithm)?;
        if [header.crit, header.jku, header.jwk, header.x5u]
            .iter()
            .any(Option::is_some)
        {
            return Err(Refusal::Header);
        }
        // A token for another purpose, as `logout+jwt` or `dpop+jwt`, is none of an account.
        let kind = header.typ.unwrap_or_default().to_ascii_lowercase();
        let kind = kind.strip_prefix("application/").unwrap_or(&kind);
        if !["", "jwt", "at+jwt"].contains(&kind) {
            return Err(Refusal::Header);
        }
        Ok(KeyHint {
            algorithm,
            kid: header.kid,
        })
    }

    /// Checks all that the token says of itself by these rules; its signature is another matter.
    ///
    /// # Errors
    /// [`Refusal`], by the first rule that it breaks.
    pub(crate) fn claims(&self, rules: &Rules, now: Tick) -> Result<Claims, Refusal> {
        let claims = self.text.split('.').nth(1).and_then(object);
        let claims = claims.ok_or(Refusal::Malformed("its claims"))?;
        let time = |name| match claims.get(name) {
            None => Ok(None),
            Some(value) => date(value).map(Some).ok_or(Refusal::Malformed("a time")),
        };
        let expires = time("exp")?.ok_or(Refusal::Missing("exp"))?;
        let issued = time("iat")?.ok_or(Refusal::Missing("iat"))?;
        let begins = time("nbf")?.unwrap_or(issued);
        let (early, late) = (now.earlier(rules.leeway), now.later(rules.leeway));
        if claims.get("iss").and_then(Value::as_str) != Some(&rules.issuer) {
            return Err(Refusal::Issuer);
        }
        if !is_for(claims.get("aud"), rules.audience.as_deref()) {
            return Err(Refusal::Audience);
        }
        if expires <= early {
            return Err(Refusal::Expired);
        }
        if issued > late || begins > late {
            return Err(Refusal::Early);
        }
        if expires <= issued || expires > issued.later(TOKEN_LIFE) {
            return Err(Refusal::Life);
        }
        let subject = claims.get(&rules.subject).and_then(text_of);
        let subject = subject.filter(|subject| is_external_id(subject));
        let name = claims.get(&rules.display_name).and_then(Value::as_str);
        Ok(Claims {
            subject: subject.ok_or(Refusal::Subject)?,
            display_name: name.map(str::to_owned),
            issued: issued.earlier(rules.leeway),
            expires: expires.later(rules.leeway),
        })
    }

    fn parts(&self) -> (&str, &str) {
        self.text.rsplit_once('.').expect("a token has two dots")
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jwt(..)")
    }
}

/// Returns the one form of a signature that stands for all that anybody can make of it. Of one by
/// ECDSA, `(r, s)`, everybody can make `(r, n - s)`, which is as good: as another token, that would
/// get around the end of this one. (Another signature of this length falls together here with one
/// that only its owner can make.)
fn one_form(mut signature: Vec<u8>) -> Vec<u8> {
    if let Some(s) = signature.get_mut(32..).filter(|s| s.len() == 32) {
        let (mut other, mut borrow) = ([0; 32], false);
        for at in (0..32).rev() {
            let (less, under) = P256_ORDER[at].overflowing_sub(s[at]);
            let (less, under_again) = less.overflowing_sub(u8::from(borrow));
            (other[at], borrow) = (less, under || under_again);
        }
        if !borrow && other[..] < *s {
            s.copy_from_slice(&other);
        }
    }
    signature
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Returns a claim that names somebody: a text, or a whole number.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        _ => None,
    }
}

/// Returns a NumericDate as a tick: seconds since 1970, perhaps with a fraction.
fn date(value: &Value) -> Option<Tick> {
    let seconds = value.as_f64()?;
    let is_one = (0.0..1e10).contains(&seconds);
    is_one.then_some(Tick((seconds * 1e6) as i64))
}

/// True for a token that is for this audience. Where none is set, one that names some is for others
/// (RFC 7519, section 4.1.3).
fn is_for(claimed: Option<&Value>, audience: Option<&str>) -> bool {
    match (claimed, audience) {
        (None, None) => true,
        (Some(Value::String(one)), Some(audience)) => one == audience,
        (Some(Value::Array(all)), Some(audience)) => all.iter().any(|one| one == audience),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn part(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn token(header: Value, claims: Value) -> Jwt {
        let text = format!("{}.{}.AAAA", part(&header), part(&claims));
        Jwt::read(&text, "sub").expect("the shape of a token")
    }

    #[test]
    fn a_text_without_the_shape_of_a_token_is_none() {
        let header = part(&json!({ "alg": "ES256" }));
        let long = format!("{header}.{}.x", "a".repeat(MAX_TOKEN));
        for wrong in [
            "",
            "eyJ",
            "eyJ.x",
            "eyJ.x.x.x",
            "x.eyJ.x",
            "eyJ.x=.x",
            "eyJ. .x",
            &long,
        ] {
            assert!(Jwt::read(wrong, "sub").is_none(), "{wrong}");
        }
        let of = |sub: Value| token(json!({ "alg": "ES256" }), json!({ "sub": sub })).partition();
        assert_eq!(of(json!("42")), Partition::of_text("42"));
        assert_eq!(of(json!(42)), Partition::of_text("42"));
        assert_eq!(of(json!(["42"])), Partition::of_text(""));
        let shown = format!("{:?}", token(json!({ "alg": "ES256" }), json!({})));
        assert_eq!(shown, "Jwt(..)");
    }

    #[test]
    fn a_header_may_say_which_key_it_is_and_not_where() {
        let key = |header: Value| token(header, json!({})).key();
        let fine = key(json!({ "alg": "RS256", "kid": "1", "typ": "at+jwt", "x5t": "x" }));
        let fine = fine.expect("a key");
        assert_eq!(
            (fine.algorithm, fine.kid.as_deref()),
            (Algorithm::RS256, Some("1"))
        );
        for alg in [
            "none", "None", "HS256", "RS384", "PS256", "ES512", "es256", "",
        ] {
            let refused = key(json!({ "alg": alg })).expect_err("refused");
            assert!(matches!(refused, Refusal::Algorithm), "{alg}");
        }
        for name in ["crit", "jku", "jwk", "x5u"] {
            let refused = key(json!({ "alg": "ES256", name: ["exp"] })).expect_err("refused");
            assert!(matches!(refused, Refusal::Header), "{name}");
        }
        assert!(key(json!({ "alg": "ES256", "typ": "dpop+jwt" })).is_err());
        assert!(key(json!({ "alg": ["ES256"] })).is_err());
        assert!(key(json!({ "alg": "ES256", "kid": 1 })).is_err());
    }

    #[test]
    fn an_audience_is_ours_or_there_is_none() {
        let one = json!("us");
        assert!(is_for(None, None) && is_for(Some(&one), Some("us")));
        assert!(is_for(Some(&json!(["them", "us"])), Some("us")));
        assert!(!is_for(Some(&one), None) && !is_for(None, Some("us")));
        assert!(!is_for(Some(&json!(["them"])), Some("us")));
        assert!(!is_for(Some(&json!({ "us": 1 })), Some("us")));
    }

    #[test]
    fn a_time_is_a_number_of_seconds() {
        assert_eq!(date(&json!(1.5)), Some(Tick(1_500_000)));
        for wrong in [json!("1"), json!(-1), json!(1e10), json!(null), json!([1])] {
            assert_eq!(date(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn both_forms_of_a_signature_are_one_token() {
        let with = |s: [u8; 32]| {
            let signature = URL_SAFE_NO_PAD.encode([[7; 32], s].concat());
            let text = format!("eyJ.eyJ.{signature}");
            Jwt::read(&text, "sub")
                .expect("the shape of a token")
                .hash()
        };
        let (mut one, mut other) = ([0; 32], P256_ORDER);
        (one[31], other[31]) = (1, P256_ORDER[31] - 1);
        assert_eq!(with(one), with(other));
        one[31] = 2;
        assert_ne!(with(one), with(other));
        assert_ne!(with([0xff; 32]), with([0; 32]), "no scalar stays as it is");
    }
}
