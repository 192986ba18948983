//! Passwords: hashed off the async threads, and only so many at once.

use std::{sync::LazyLock, thread::available_parallelism};

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version,
    password_hash::{SaltString, rand_core::OsRng},
};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::{Error, Result};

/// How many may wait for their turn; beyond, a login is told to come back.
const WAITING: usize = 256;

/// OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None).expect("these parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// A hash that no password has: what is checked when there is no such user, so that it takes as long.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now("carrier: nobody has this password").expect("hashing a constant"));

/// The queue of passwords to be hashed or checked.
pub(crate) struct Passwords {
    running: Semaphore,
    waiting: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, |cores| cores.get());
        Self { running: Semaphore::new(cores), waiting: Semaphore::new(WAITING) }
    }
}

/// What checking a password tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// It is not the one.
    Wrong,
    /// It is.
    Right,
    /// It is, and its hash is of an older kind: hash it anew.
    Outdated,
}

impl Passwords {
    /// argon2id in PHC form.
    pub(crate) async fn hash(&self, password: &str) -> Result<String> {
        let password = password.to_owned();
        self.run(move || hash_now(&password).expect("argon2 takes any password of up to 256 characters")).await
    }

    /// Is this the password of `hash`? `None`: there is no such user.
    pub(crate) async fn check(&self, password: &str, hash: Option<String>) -> Result<Check> {
        let password = password.to_owned();
        self.run(move || match hash {
            Some(hash) => check_now(&password, &hash),
            None => {
                check_now(&password, &NOBODY);
                Check::Wrong
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let _place = self.waiting.try_acquire().map_err(|_| Error::Busy)?;
        let _turn = self.running.acquire().await.expect("the semaphore is never closed");
        Ok(tokio::task::spawn_blocking(job).await.expect("hashing does not panic"))
    }
}

fn hash_now(password: &str) -> argon2::password_hash::Result<String> {
    let salt = SaltString::generate(&mut OsRng);
    argon2().hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string())
}

fn check_now(password: &str, hash: &str) -> Check {
    let Ok(parsed) = PasswordHash::new(hash) else {
        // The original Carrier: unsalted SHA-256 in hex. Whoever knew it took no time to check; we take as long as for any other.
        let digest: String = Sha256::digest(password).iter().map(|byte| format!("{byte:02x}")).collect();
        check_now(password, &NOBODY);
        return if digest.eq_ignore_ascii_case(hash) { Check::Outdated } else { Check::Wrong };
    };
    if argon2().verify_password(password.as_bytes(), &parsed).is_err() {
        return Check::Wrong;
    }
    let current = Params::try_from(&parsed).is_ok_and(|params| params.m_cost() >= 19_456 && params.t_cost() >= 2);
    if parsed.algorithm == Algorithm::Argon2id.ident() && current { Check::Right } else { Check::Outdated }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_hashes_are_accepted_and_said_to_be_old() {
        let new = hash_now("correct horse").expect("hashing");
        assert_eq!(check_now("correct horse", &new), Check::Right);
        assert_eq!(check_now("correct hors", &new), Check::Wrong);
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).expect("in range"));
        let weak = weak.hash_password(b"x", &SaltString::generate(&mut OsRng)).expect("hashing").to_string();
        assert_eq!(check_now("x", &weak), Check::Outdated);
        let original = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"; // SHA-256 of "password"
        assert_eq!(check_now("password", original), Check::Outdated);
        assert_eq!(check_now("passwort", original), Check::Wrong);
    }
}
