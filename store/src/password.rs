//! Hashes and checks passwords off the async threads, in turns that are fair to each account and
//! each address. Only this module gives them the form in which they are hashed.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version,
    password_hash::{
        self, Decimal, Ident, Output, ParamsString, Salt, SaltString, rand_core::OsRng,
    },
};
use fair::{Refused, Turns};
use model::prepare_password;
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// Returns OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
fn params() -> Params {
    Params::new(19_456, 2, 1, None).expect("these parameters are in range")
}

/// A hash that no password has. It is checked when there is no such user, so that the answer takes
/// as long.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let text = "carrier: nobody has this password";
    Memory::default().hash(text).expect("hashing a constant")
});

/// Passwords to be hashed or checked.
pub(crate) struct Passwords {
    turns: Turns,
    memory: Arc<Memory>,
}

/// The result of checking a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordCheck {
    /// The password is wrong.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, and its hash is of an older kind, or of the text as it was typed:
    /// hash it anew.
    Outdated,
}

impl Passwords {
    /// Hashes and checks in these turns.
    pub(crate) fn new(turns: Turns) -> Self {
        Self {
            turns,
            memory: Arc::default(),
        }
    }

    /// Hashes a password with argon2id, when it is the turn of `who`; returns the hash in PHC form.
    pub(crate) async fn hash(&self, who: &str, password: &str) -> Result<String> {
        let (memory, password) = (Arc::clone(&self.memory), prepared(password));
        let hash = move || {
            let hash = memory.hash(&password);
            hash.expect("argon2 takes any password of up to 256 characters")
        };
        self.turns.run(who, hash).await.map_err(Error::from)
    }

    /// Checks a password against `hash`, which is `None` when there is no such user, when it is the
    /// turn of `who`.
    pub(crate) async fn check(
        &self,
        who: &str,
        password: &str,
        hash: Option<String>,
    ) -> Result<PasswordCheck> {
        let (memory, password) = (Arc::clone(&self.memory), password.to_owned());
        let check = move || match hash {
            Some(hash) => memory.check_typed(&password, &hash),
            None => {
                memory.check_typed(&password, &NOBODY);
                PasswordCheck::Wrong
            }
        };
        self.turns.run(who, check).await.map_err(Error::from)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Busy => Self::Busy,
            Refused::Panicked | Refused::Stopped => Self::Failed,
        }
    }
}

/// Returns random bytes for a token, or a key.
pub(crate) fn random() -> [u8; 32] {
    use argon2::password_hash::rand_core::{OsRng, RngCore};
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// Returns the form in which a password is hashed. What has none was set before there was one, and
/// is checked as it is typed.
fn prepared(typed: &str) -> String {
    prepare_password(typed).unwrap_or_else(|| typed.to_owned())
}

/// argon2 in memory that is kept, as much as was ever used at once: an allocator gives back only
/// some of what it is asked for so often, and threads keep it from each other.
#[derive(Default)]
struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    fn hash(&self, password: &str) -> password_hash::Result<String> {
        let salt = SaltString::generate(&mut OsRng);
        self.hash_password_customized(password.as_bytes(), None, None, params(), &salt)
            .map(|hash| hash.to_string())
    }

    /// Checks a password as it was typed. It is tried in its form, and then as it is: so it was
    /// hashed before passwords had a form.
    fn check_typed(&self, typed: &str, hash: &str) -> PasswordCheck {
        let prepared = prepared(typed);
        match self.check(&prepared, hash) {
            PasswordCheck::Wrong if prepared != typed => match self.check(typed, hash) {
                PasswordCheck::Wrong => PasswordCheck::Wrong,
                PasswordCheck::Right | PasswordCheck::Outdated => PasswordCheck::Outdated,
            },
            other => other,
        }
    }

    fn check(&self, password: &str, hash: &str) -> PasswordCheck {
        let Ok(parsed) = PasswordHash::new(hash) else {
            return self.check_original(password, hash);
        };
        if self.verify_password(password.as_bytes(), &parsed).is_err() {
            return PasswordCheck::Wrong;
        }
        let current = Params::try_from(&parsed)
            .is_ok_and(|params| params.m_cost() >= 19_456 && params.t_cost() >= 2);
        if parsed.algorithm == Algorithm::Argon2id.ident() && current {
            PasswordCheck::Right
        } else {
            PasswordCheck::Outdated
        }
    }

    /// Checks against a hash of the original Carrier, which stored unsalted SHA-256 in hex. That is
    /// computed in no time; the check of `NOBODY` makes it take as long as any other.
    fn check_original(&self, password: &str, hash: &str) -> PasswordCheck {
        let digest: String = Sha256::digest(password)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.check(password, &NOBODY);
        if digest.eq_ignore_ascii_case(hash) {
            PasswordCheck::Outdated
        } else {
            PasswordCheck::Wrong
        }
    }

    /// Lends so many blocks.
    fn lend<T>(&self, count: usize, use_them: impl FnOnce(&mut [Block]) -> T) -> T {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut blocks = kept().pop().unwrap_or_default();
        if blocks.len() < count {
            blocks.resize(count, Block::default());
        }
        let result = use_them(&mut blocks);
        // A hash of older parameters may have needed more; that is not kept.
        if blocks.len() <= params().block_count() {
            kept().push(blocks);
        }
        result
    }
}

impl PasswordHasher for Memory {
    type Params = Params;

    fn hash_password_customized<'a>(
        &self,
        password: &[u8],
        algorithm: Option<Ident<'a>>,
        version: Option<Decimal>,
        params: Params,
        salt: impl Into<Salt<'a>>,
    ) -> password_hash::Result<PasswordHash<'a>> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?;
        let version = version.map(Version::try_from).transpose()?;
        let (algorithm, version) = (algorithm.unwrap_or_default(), version.unwrap_or_default());
        let (salt, mut bytes) = (salt.into(), [0; Salt::MAX_LENGTH]);
        let bytes = salt.decode_b64(&mut bytes)?;
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let argon2 = Argon2::new(algorithm, version, params);
        let (count, params) = (argon2.params().block_count(), argon2.params());
        let hash = self.lend(count, |blocks| {
            Output::init_with(length, |hash| {
                Ok(argon2.hash_password_into_with_memory(password, bytes, hash, blocks)?)
            })
        })?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(params)?,
            salt: Some(salt),
            hash: Some(hash),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_hashes_are_accepted_and_said_to_be_old() {
        let memory = Memory::default();
        let new = memory.hash("correct horse").expect("hashing");
        assert_eq!(memory.check("correct horse", &new), PasswordCheck::Right);
        assert_eq!(memory.check("correct hors", &new), PasswordCheck::Wrong);
        let weak = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8, 1, 1, None).expect("in range"),
        );
        let weak = weak
            .hash_password(b"x", &SaltString::generate(&mut OsRng))
            .expect("hashing")
            .to_string();
        assert_eq!(memory.check("x", &weak), PasswordCheck::Outdated);
        // SHA-256 of "password"
        let original = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
        assert_eq!(memory.check("password", original), PasswordCheck::Outdated);
        assert_eq!(memory.check("passwort", original), PasswordCheck::Wrong);
    }

    #[tokio::test]
    async fn a_password_is_one_however_it_is_encoded_and_an_old_hash_of_it_is_said_to_be_old() {
        let passwords = Passwords::new(Turns::new(1, 1, 1));
        let (composed, decomposed) = ("Z\u{fc}rich Berg", "Zu\u{308}rich\u{a0}Berg");
        let check = async |typed: &str, hash: &str| {
            let check = passwords.check("203.0.113.7", typed, Some(hash.to_owned()));
            check.await.expect("its turn")
        };
        for set in [composed, decomposed] {
            let hash = passwords.hash("203.0.113.7", set).await.expect("hashed");
            for typed in [composed, decomposed] {
                assert_eq!(check(typed, &hash).await, PasswordCheck::Right, "{typed:?}");
            }
            assert_eq!(check("Zurich Berg", &hash).await, PasswordCheck::Wrong);
        }
        // Before passwords had a form, they were hashed as they were typed.
        let old = Memory::default().hash(decomposed).expect("hashing");
        assert_eq!(check(decomposed, &old).await, PasswordCheck::Outdated);
        assert_eq!(check(composed, &old).await, PasswordCheck::Wrong);
        let odd = Memory::default().hash("tab\tin it").expect("hashing");
        assert_eq!(check("tab\tin it", &odd).await, PasswordCheck::Right);
    }

    #[tokio::test]
    async fn a_check_without_an_account_computes_as_much() {
        let passwords = Passwords::new(Turns::new(1, 1, 1));
        let check = passwords.check("203.0.113.7", "x", None).await;
        assert_eq!(check.expect("its turn"), PasswordCheck::Wrong);
        let memory = passwords.memory.0.lock().expect("alone");
        let used: Vec<_> = memory.iter().map(Vec::len).collect();
        assert_eq!(used, [params().block_count()]);
    }

    #[test]
    fn a_hash_is_that_of_argon2_itself_and_its_memory_is_used_again() {
        let memory = Memory::default();
        for password in ["correct horse", "battery staple"] {
            let hash = memory.hash(password).expect("hashing");
            let parsed = PasswordHash::new(&hash).expect("PHC form");
            let verified = Argon2::default().verify_password(password.as_bytes(), &parsed);
            assert!(verified.is_ok(), "{hash}");
            assert_eq!(memory.0.lock().expect("alone").len(), 1, "kept, once");
        }
        let more = Argon2::new(
            Algorithm::Argon2i,
            Version::V0x10,
            Params::new(2 * 19_456, 1, 1, None).expect("in range"),
        );
        let salt = SaltString::generate(&mut OsRng);
        let old = more
            .hash_password(b"x", &salt)
            .expect("hashing")
            .to_string();
        assert_eq!(memory.check("x", &old), PasswordCheck::Outdated);
        assert!(
            memory.0.lock().expect("alone").is_empty(),
            "too much to keep"
        );
    }
}
