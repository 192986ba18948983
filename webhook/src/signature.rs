//! The signature of a request, as in Standard Webhooks 1.0.0: HMAC-SHA256 over the id, the time
//! and the body, so that a receiver knows who asks, and that nobody asks the same again.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use ring::hmac;

/// The beginning that marks a secret as one.
const PREFIX: &str = "whsec_";
/// Base64 with or without its padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Signs requests with the secret that the receiver knows too.
pub struct Signer(hmac::Key);

impl Signer {
    /// Reads a secret: 24 to 64 bytes in base64. Returns `None` when it is none.
    pub fn new(secret: &str) -> Option<Self> {
        let text = secret.trim();
        let key = LENIENT
            .decode(text.strip_prefix(PREFIX).unwrap_or(text))
            .ok();
        let key = key.filter(|key| (24..=64).contains(&key.len()))?;
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// Returns the value of `webhook-signature`.
    pub fn sign(&self, id: &str, seconds: u64, body: &str) -> String {
        let mut signing = hmac::Context::with_key(&self.0);
        for part in [id, ".", &seconds.to_string(), ".", body] {
            signing.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(signing.sign()))
    }
}

/// Returns the secret that these random bytes make.
pub fn new_secret(random: [u8; 32]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        for secret in [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            " MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
        ] {
            let signer = Signer::new(secret).expect("a secret");
            assert_eq!(
                signer.sign(
                    "msg_p5jXN8AQM9LWM0D4loKWxJek",
                    1_614_265_330,
                    r#"{"test": 2432232314}"#
                ),
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
            );
        }
    }

    #[test]
    fn a_secret_that_is_made_is_one() {
        let secret = new_secret([7; 32]);
        assert!(secret.starts_with(PREFIX) && Signer::new(&secret).is_some());
    }

    #[test]
    fn a_secret_has_24_to_64_bytes_with_padding_or_without() {
        for (bytes, is_good) in [(0, false), (23, false), (24, true), (64, true), (65, false)] {
            let padded = STANDARD.encode(vec![7; bytes]);
            for text in [padded.as_str(), padded.trim_end_matches('=')] {
                assert_eq!(Signer::new(text).is_some(), is_good, "{bytes}");
            }
        }
        assert!(Signer::new("no base64 at all, but as long as one").is_none());
    }
}
